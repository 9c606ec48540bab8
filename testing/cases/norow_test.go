package cases

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headrace/headrace/testing/cases/rig"
)

// A copy of the flights whose every byte is zero but the magic and the footer passes check and plan: neither reads a row. A run says what
// is wrong, where, and publishes nothing.
func TestCheckReadsNoRow(t *testing.T) {
	dir := t.TempDir()
	data, err := os.ReadFile(rig.Example("flights/flights.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	footer := len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	clear(data[4:footer])
	rig.Write(t, filepath.Join(dir, "flights.parquet"), string(data))
	rig.Copy(t, rig.Example("flights/flight_delay.yaml"), filepath.Join(dir, "flight_delay.yaml"))
	for _, cmd := range []string{"check", "plan"} {
		if r := rig.Run(t, dir, cmd, "flight_delay.yaml"); r.Code != 0 || r.Errors != "" || r.Out == "" {
			t.Errorf("%s: exit %d\n%s%s", cmd, r.Code, r.Out, r.Errors)
		}
	}
	r := rig.Run(t, dir, "run", "flight_delay.yaml")
	last := r.Errors[strings.LastIndexByte(strings.TrimSuffix(r.Errors, "\n"), '\n')+1:]
	if r.Code != 4 || !strings.Contains(last, "flights.parquet: ") || !strings.Contains(last, "flights") {
		t.Errorf("run: exit %d, want 4 and a line that names source and file\n%s%s", r.Code, r.Out, r.Errors)
	}
	t.Log(last)
	if _, err := os.Stat(filepath.Join(dir, ".headrace", "models")); !os.IsNotExist(err) {
		t.Error("a failed run touched the registry")
	}
}
