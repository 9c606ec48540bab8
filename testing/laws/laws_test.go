package laws

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	_ "github.com/headrace/headrace/operators/all"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

// TestCatalogue holds every operator of the catalogue to the laws.
func TestCatalogue(t *testing.T) {
	if len(operators.Catalogue()) == 0 {
		t.Fatal("the catalogue is empty")
	}
	for _, spec := range operators.Catalogue() {
		t.Run(spec.Name, func(t *testing.T) {
			t.Parallel()
			Run(t, spec)
		})
	}
}

const golden = "testdata/golden.txt"

// TestGolden holds the bytes of states to the operator's version: cached states and published bundles are read by later versions. An
// operator whose bytes change gets a new Version, then -update writes the new digest.
func TestGolden(t *testing.T) {
	old := map[string][2]string{}
	text, err := os.ReadFile(golden)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if f := strings.Fields(line); len(f) == 3 {
			old[f[0]] = [2]string{f[1], f[2]}
		}
	}
	var out strings.Builder
	for _, spec := range operators.Catalogue() {
		version, digest := fmt.Sprint(spec.Version), Digest(spec)
		was, ok := old[spec.Name]
		fmt.Fprintf(&out, "%s %s %s\n", spec.Name, version, digest)
		switch {
		case !ok && !*update:
			t.Errorf("%s is new: run with -update", spec.Name)
		case ok && was[0] == version && was[1] != digest:
			t.Errorf("%s: the bytes of its states changed, and its Version is still %s", spec.Name, version)
			delete(old, spec.Name)
			continue
		case ok && was != [2]string{version, digest} && !*update:
			t.Errorf("%s: Version %s is not in %s: run with -update", spec.Name, version, golden)
		}
		delete(old, spec.Name)
	}
	for name := range old {
		if !*update {
			t.Errorf("%s is gone: run with -update", name)
		}
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(golden, []byte(out.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
