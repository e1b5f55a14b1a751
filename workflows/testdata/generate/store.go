package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
)

// store writes a new file and adds it to the list of hashes. A file that exists is an error.
func store(folder, name string, one *history.History) error {
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(one)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if err := write(filepath.Join(folder, name), os.O_EXCL, text); err != nil {
		return err
	}
	return write(filepath.Join(folder, "SHA256SUMS"), os.O_APPEND, fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(text), name))
}

func write(path string, mode int, text []byte) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|mode, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = file.Write(text)
	return err
}
