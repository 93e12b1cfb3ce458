#!/usr/bin/env bash
# Gets a small HDFS for tests, once: ~/.cache/lighter/servers/hdfs, 90 MB of jars from Maven Central.
set -euo pipefail
cd "$(dirname "$0")/.."

version=3.4.1
folder=$HOME/.cache/lighter/servers/hdfs
[ "$(cat "$folder/version" 2>/dev/null)" = "$version" ] && exit 0
scripts/setup.sh default-jdk-headless maven
echo "==> getting HDFS $version"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lighter</groupId><artifactId>hdfs</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.hadoop</groupId><artifactId>hadoop-client-minicluster</artifactId><version>$version</version>
    </dependency>
  </dependencies>
</project>
POM
(cd "$work" && mvn -q -B -Dmaven.repo.local="$work/repository" dependency:copy-dependencies -DoutputDirectory=jars)
echo "$version" >"$work/jars/version"
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$work/jars" "$folder"
