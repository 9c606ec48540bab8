// Package duckdb asks DuckDB, for tests that hold us to it.
package duckdb

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Query answers queries, each value as text or nil, or skips the test where DuckDB is not installed (make peers).
func Query(t *testing.T, queries ...string) [][][]*string {
	t.Helper()
	node, err := exec.LookPath("node")
	module := module()
	if err != nil || module == "" {
		t.Skip("DuckDB is not installed: make peers")
	}
	script := filepath.Join(t.TempDir(), "query.mjs")
	text := fmt.Sprintf(`import {DuckDBInstance} from %q
const c = await (await DuckDBInstance.create(":memory:")).connect()
await c.run("set timezone = 'UTC'")
const all = []
for (const q of JSON.parse(process.argv[2])) {
	const rows = (await c.runAndReadAll(q)).getRows()
	all.push(rows.map(r => r.map(v => v === null ? null : String(v))))
}
console.log(JSON.stringify(all))
`, module)
	if err := os.WriteFile(script, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	arg, err := json.Marshal(queries)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, script, string(arg))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got [][][]*string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// module is where DuckDB is, in the repository that the test runs in; "" where it is not.
func module() string {
	at, err := os.Getwd()
	for err == nil {
		path := filepath.Join(at, "testing/peers/node_modules/@duckdb/node-api/lib/index.js")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if up := filepath.Dir(at); up != at {
			at = up
			continue
		}
		break
	}
	return ""
}
