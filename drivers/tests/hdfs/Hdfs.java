// A small HDFS in one process: java Hdfs.java FOLDER. Prints the port of its name node; ends when standard input does.
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;

public class Hdfs {
    public static void main(String[] arguments) throws Exception {
        Configuration configuration = new Configuration();
        configuration.set("hdfs.minidfs.basedir", arguments[0]);
        // Small, so that files have several.
        configuration.set("dfs.blocksize", "1048576");
        MiniDFSCluster cluster = new MiniDFSCluster.Builder(configuration).numDataNodes(1).build();
        cluster.waitActive();
        System.out.println(cluster.getNameNodePort());
        while (System.in.read() != -1) {}
        Runtime.getRuntime().halt(0);
    }
}
