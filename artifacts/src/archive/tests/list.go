// Lists the tars named as arguments as Go reads them: kind|name|link|size|mode|time, or an error, and `--` after each.
package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"os"
)

var kinds = map[byte]string{tar.TypeReg: "f", tar.TypeDir: "d", tar.TypeSymlink: "l", tar.TypeLink: "h"}

func list(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	content, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	reader := tar.NewReader(content)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		size, err := io.Copy(io.Discard, reader)
		if err != nil {
			return err
		}
		fmt.Printf("%s|%s|%s|%d|0o%o|%d\n", kinds[header.Typeflag], header.Name, header.Linkname, size, header.Mode, header.ModTime.Unix())
	}
}

func main() {
	for _, path := range os.Args[1:] {
		if err := list(path); err != nil {
			fmt.Println("error:", err)
		}
		fmt.Println("--")
	}
}
