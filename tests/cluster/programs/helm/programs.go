//go:build programs

// Package programs keeps Helm's command in go.mod.
package programs

import (
	_ "helm.sh/helm/v3/cmd/helm"
)
