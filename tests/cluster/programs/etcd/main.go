// Package main is etcd itself: its own command in a module of ours, so that one version is built and pinned.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
