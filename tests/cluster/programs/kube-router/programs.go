//go:build programs

// Package programs keeps Helm's command in go.mod.
package programs

import (
	_ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
)
