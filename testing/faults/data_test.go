package faults

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headrace/headrace/testing/cases/rig"
)

// Every bad file of the Parquet project is refused with a clear line, or read.
func TestBadParquetFiles(t *testing.T) {
	corpora := os.Getenv("HEADRACE_CORPORA")
	if corpora == "" {
		t.Skip("HEADRACE_CORPORA is not set: the corpora of good and bad files are not here")
	}
	found, err := filepath.Glob(filepath.Join(corpora, "parquet-testing", "bad_data", "*.parquet"))
	if err != nil || len(found) == 0 {
		t.Fatal("no bad files", err)
	}
	for _, f := range found {
		dir := t.TempDir()
		rig.Write(t, filepath.Join(dir, "any.yaml"), anyDAG)
		r := rig.InProcess("run", "-q", "--workspace", filepath.Join(dir, "ws"), filepath.Join(dir, "any.yaml"), "--set", "path="+f)
		if r.Code == 0 {
			t.Logf("%s is read", filepath.Base(f))
			continue
		}
		if r.Code == 2 && strings.Contains(r.Errors, "there are no columns here") {
			t.Logf("%s holds nested columns only, which are left out", filepath.Base(f))
			continue
		}
		clearLine(t, filepath.Base(f), r, `"data"`, filepath.Base(f))
		if _, err := os.Stat(filepath.Join(dir, "out.csv")); err == nil {
			t.Errorf("%s: a failed run left its sink behind", filepath.Base(f))
		}
	}
}

// mutant damages a file in one of several ways, always the same for a seed. It gives what it did.
func mutant(data []byte, seed uint64) ([]byte, string) {
	r := rand.New(rand.NewPCG(seed, 17))
	out := append([]byte(nil), data...)
	footer := len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	switch r.IntN(6) {
	case 0: // bytes anywhere
		n := 1 + r.IntN(8)
		for range n {
			out[r.IntN(len(out))] ^= byte(1 + r.IntN(255))
		}
		return out, fmt.Sprintf("%d bytes flipped", n)
	case 1: // bits of the footer
		at := footer + r.IntN(len(out)-footer)
		out[at] ^= 1 << r.IntN(8)
		return out, fmt.Sprintf("a bit of the footer flipped at %d", at)
	case 2:
		n := r.IntN(len(out))
		return out[:n], fmt.Sprintf("cut at %d", n)
	case 3: // the end stays: the footer is there, what it points to is not
		n := 1 + r.IntN(footer-1)
		return append(out[:4:4], out[4+n:]...), fmt.Sprintf("%d bytes taken out", n)
	case 4:
		lo := r.IntN(len(out))
		n := 1 + r.IntN(1<<r.IntN(16))
		clear(out[lo:min(lo+n, len(out))])
		return out, fmt.Sprintf("%d bytes zeroed at %d", n, lo)
	default:
		lo, from, n := r.IntN(footer), r.IntN(footer), 1+r.IntN(4096)
		copy(out[lo:], data[from:min(from+n, footer)])
		return out, fmt.Sprintf("%d bytes of %d copied to %d", n, from, lo)
	}
}

// Mutants of the flights are refused with a clear line, or give a model of rows as there were; never a crash, and the model in use stays.
func TestMutantsOfFlights(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(rig.Example("flights/flights.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	dag, ws, file := filepath.Join(dir, "faulted.yaml"), filepath.Join(dir, "ws"), filepath.Join(dir, "flights.parquet")
	rig.Write(t, dag, flightsDAG)
	rig.Write(t, file, string(data))
	run := func() rig.Result { return rig.InProcess("run", "-q", "--workspace", ws, dag) }
	if r := run(); r.Code != 0 {
		t.Fatalf("the good file: exit %d\n%s", r.Code, r.Errors)
	}
	refused, read := 0, 0
	for seed := range uint64(times(100, 1000)) {
		bad, how := mutant(data, seed)
		rig.Write(t, file, string(bad))
		before := alias(t, ws, "faulted", "champion")
		what := fmt.Sprintf("mutant %d, %s", seed, how)
		r := run()
		after := alias(t, ws, "faulted", "champion")
		if r.Code == 0 {
			read++
			if after != before+1 || !strings.Contains(r.Out, "auc") || strings.Contains(r.Out, "NaN") {
				t.Errorf("%s: exit 0, alias %d after %d\n%s", what, after, before, r.Out)
			}
			continue
		}
		refused++
		clearLine(t, what, r, `"data"`, "flights.parquet")
		if after != before {
			t.Errorf("%s: exit %d, and the alias moved from %d to %d", what, r.Code, before, after)
		}
		if l := leftovers(t, dir); l != nil {
			t.Errorf("%s: left behind %v", what, l)
		}
	}
	t.Logf("%d refused, %d read", refused, read)
	if refused == 0 || read == 0 {
		t.Error("the mutants are of one kind only")
	}
}
