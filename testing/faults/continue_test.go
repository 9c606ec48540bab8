package faults

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/headrace/headrace/testing/cases/rig"
)

// A run that goes on from a model, killed and run again, gives the very bytes of one that nothing disturbed, and says which model it was.
func TestKilledWhileGoingOn(t *testing.T) {
	t.Parallel()
	const goesOn = `steps: {model: {train.gbdt: {continue: {model: "models://faulted@1", trees: 2}}}}` + "\n"
	begun := func() string {
		dir := flightsFolder(t)
		rig.Write(t, filepath.Join(dir, "on.yaml"), goesOn)
		if r := rig.Run(t, dir, "run", "-q", "faulted.yaml"); r.Code != 0 {
			t.Fatal(r.Errors)
		}
		return dir
	}
	calm := begun()
	start := time.Now()
	if r := rig.Run(t, calm, "run", "-q", "faulted.yaml", "-f", "on.yaml"); r.Code != 0 {
		t.Fatal(r.Errors)
	}
	whole := time.Since(start)
	want := bundleFiles(t, calm, 2)
	dir := begun()
	r := rand.New(rand.NewPCG(3, 71))
	killed := 0
	for i := range times(3, 50) {
		c := rig.Command(context.Background(), dir, "run", "-q", "faulted.yaml", "-f", "on.yaml")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Float64() * float64(whole)))
		_ = c.Process.Kill() // it may have ended
		if err := c.Wait(); err != nil {
			killed++
		}
		if again := rig.Run(t, dir, "run", "-q", "faulted.yaml", "-f", "on.yaml"); again.Code != 0 {
			t.Fatalf("kill %d: the run afterwards: exit %d\n%s", i, again.Code, again.Errors)
		}
		now := alias(t, filepath.Join(dir, ".headrace"), "faulted", "champion")
		got := bundleFiles(t, dir, now)
		for name, b := range want {
			if got[name] != b {
				t.Errorf("kill %d: %s of version %d differs from that of a calm run", i, name, now)
			}
		}
	}
	if killed == 0 {
		t.Error("no run was killed")
	}
}
