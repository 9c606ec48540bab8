package layers

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/headrace/headrace"

// root is the module's own tree.
var root = os.DirFS("../..")

func TestLayout(t *testing.T) {
	files, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("read %d Go files: this is not the module's tree", len(files))
	}
	for _, wrong := range Check(module, files) {
		t.Error(wrong)
	}
}

// What is generated with other modules must not make the product depend on them.
func TestGeneratorIsAModuleOfItsOwn(t *testing.T) {
	if _, err := fs.Stat(root, "kernels/_gen"); err != nil {
		t.Skip("there is no kernels/_gen: all kernels are Go")
	}
	if _, err := fs.Stat(root, "kernels/_gen/go.mod"); err != nil {
		t.Errorf("kernels/_gen: %v", err)
	}
}

// The rules must be able to fail: each file of this tree breaks the one that is named beside it, or none.
func TestCheckFindsEachFault(t *testing.T) {
	tree := []struct{ name, imports, wrong string }{
		{"kernels/elem/up.go", "operators", "kernels lies below operators"},
		{"operators/expr/up.go", "engine/plan", "operators lies below engine"},
		{"connectors/csv/up.go", "dags", "connectors lies below dags"},
		{"dags/up.go", "engine", "dags lies below engine"},
		{"engine/up.go", "examples/flights", "engine lies below examples"},
		{"engine/plan/test.go", "testing/laws", "only tests import testing"},
		{"operators/diag/own.go", "kernels/bits", "operators/diag imports nothing of ours"},
		{"operators/batch/own.go", "operators/diag", "operators/batch imports kernels only"},
		{"engine/exec/op.go", "operators/clean", "only operators/all names a concrete operator"},
		{"operators/train/forest/op.go", "operators/train/gbdt", "only operators/all names a concrete operator"},
		{"engine/exec/conn.go", "connectors/parquet", "only connectors/all names a concrete connector"},
		{"engine/exec/arrow.go", "github.com/apache/arrow/go/v15/arrow", "know Arrow's library"},
		{"cmd/headrace/beam.go", "engine/beam", "only cmd/headrace-beam imports the Beam runner"},
		{"cmd/headrace/script.go", "scripts/sample", "a script is a command"},
		{"kernels/gpu/c.go", "C", "without cgo"},
		{"kernels/gpu/c_test.go", "C", "without cgo"},
		{"util/x.go", "fmt", `"util" is no floor`},
		{"x.go", "fmt", `"." is no floor`},

		{"kernels/elem/ok.go", "kernels/cpu", ""},
		{"kernels/elem/ok_test.go", "testing/laws", ""},
		{"operators/batch/ok.go", "github.com/apache/arrow/go/v15/arrow", ""},
		{"operators/batch/kernel.go", "kernels/bits", ""},
		{"operators/clean/ok.go", "operators/batch", ""},
		{"operators/clean/ok_test.go", "engine", ""},
		{"operators/all/ok.go", "operators/train/gbdt", ""},
		{"operators/train/gbdt/ok.go", "operators/train/internal/tree", ""},
		{"connectors/all/ok.go", "connectors/parquet", ""},
		{"connectors/parquet/ok.go", "connectors/files", ""},
		{"engine/exec/ok.go", "connectors", ""},
		{"engine/exec/all.go", "connectors/all", ""},
		{"testing/laws/ok.go", "operators/clean", ""},
		{"cmd/headrace-beam/ok.go", "engine/beam", ""},
		{"kernels/_gen/main.go", "engine", ""}, // not in the module: not looked at
		{"testing/layers/testdata/x.go", "C", ""},
		{"tool/go.mod", "", ""},
		{"tool/main.go", "fmt", ""},
	}
	fsys := fstest.MapFS{}
	for _, f := range tree {
		imports := f.imports
		if _, ok := floors[first(imports)]; ok || first(imports) == "testing" {
			imports = module + "/" + imports
		}
		fsys[f.name] = &fstest.MapFile{Data: []byte("package x\n\nimport _ \"" + imports + "\"\n")}
	}
	files, err := Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, wrong := range Check(module, files) {
		name, _, _ := strings.Cut(wrong, ":")
		found[name] = append(found[name], wrong)
	}
	for _, f := range tree {
		got := found[f.name]
		switch {
		case f.wrong == "" && len(got) > 0:
			t.Errorf("a rule is broken where none is: %s", got)
		case f.wrong != "" && (len(got) != 1 || !strings.Contains(got[0], f.wrong)):
			t.Errorf("%s imports %s: got %q, want one %q", f.name, f.imports, got, f.wrong)
		}
	}
}
