package layers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNoProductIsFused(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles kernels and operators for other machines")
	}
	dir, err := moduleDir()
	if err != nil {
		t.Fatal(err)
	}
	packages, err := packagesUnder(dir, "kernels", "operators")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range Targets {
		places, err := Fused(dir, target, packages...)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range places {
			t.Errorf("%s: %s", target, p)
		}
	}
}

const fusing = `package x

import "math"

func plain(x, y, z float64) float64 { return x*y + z }
func mul(x, y float64) float64      { return x * y }
func called(x, y, z float64) float64 {
	return mul(x, y) + z
}
func split(x, y, z float64) float64 {
	t := x * y
	return t + z
}
func minus(x, y, z float32) float32 { return z - x*y }
func generic[T float32 | float64](x, y, z T) T { return x*y + z }
func sum(a []float64) (s float64) {
	for _, v := range a {
		s += v * v
	}
	return s
}

func asked(x, y, z float64) float64 { return math.FMA(x, y, z) }
func kept(x, y, z float64) float64  { return float64(x*y) + z }
func whole(x, y, z int) int         { return x*y + z }

var All = []any{plain, called, split, minus, generic[float32], sum, asked, kept, whole}
`

func TestFusedFinds(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a package for other machines")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module x\n\ngo 1.24\n", "x.go": fusing} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The flags of the module under test, such as -modfile, are not for this one.
	t.Setenv("GOFLAGS", "")
	for _, target := range Targets {
		places, err := Fused(dir, target, ".")
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(places, "\n")
		// Lines are where the addition or subtraction stands, once the compiler has brought product and sum together.
		want := map[string]bool{"x.go:5:": true, "x.go:8:": true, "x.go:12:": true, "x.go:14:": strings.Contains(target, "arm64"),
			"x.go:15:": true, "x.go:18:": true, "x.go:23:": false, "x.go:24:": false, "x.go:25:": false}
		for at, fused := range want {
			if strings.Contains(all, at) != fused {
				t.Errorf("%s: %s reported: %v, want %v; all:\n%s", target, at, !fused, fused, all)
			}
		}
	}
}

func TestFusedSaysWhyItCannotBuild(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module x\n\ngo 1.24\n", "x.go": "package x\n\nvar X int = nothing\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOFLAGS", "")
	_, err := Fused(dir, Targets[0], ".")
	if err == nil || !strings.Contains(err.Error(), "x.go:3:") {
		t.Errorf("got %v, want the compiler's words on x.go:3", err)
	}
}
