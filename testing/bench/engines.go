// Package bench measures Headrace and its peers at the same work, on the same files, in turns.
package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Setup is where things are and what every engine is given alike.
type Setup struct {
	Root     string // of the repository
	Headrace string // the binary
	Dir      string // for data, outputs, workspaces
	Threads  int
	Codec    string // of the data and of what is written
	Source   string // the real flights
}

// Engine is one of those compared.
type Engine struct {
	Name    string
	version func(s *Setup) (string, error)
	command func(s *Setup, q *Query, data, out string) Command
	ext     string // of what it writes, where that is not the query's
}

// Engines are all engines; the first is the one that the others are peers of.
var Engines = []Engine{
	{Name: "headrace", version: headraceVersion, command: headraceCommand},
	{Name: "duckdb", version: nodeVersion("@duckdb/node-api"), command: nodeCommand("duckdb.js", ".sql")},
	{Name: "polars", version: nodeVersion("nodejs-polars"), command: nodeCommand("polars.js", ".polars.js")},
	{Name: "xgboost", version: pythonVersion("xgboost"), command: jobCommand, ext: ".npy"}, // with DuckDB before it
	{Name: "sklearn", version: pythonVersion("sklearn")},
}

// run is the command that does a query: the engine's own, or that of the query's program.
func (e *Engine) run(s *Setup, q *Query, data, out string) (Command, error) {
	if q.Program == nil {
		return e.command(s, q, data, out), nil
	}
	return q.Program.command(s, e.Name, data, out)
}

func headraceVersion(s *Setup) (string, error) { return Commit(s.Root) }

// Commit is the first eight hex digits of the commit that is checked out.
func Commit(root string) (string, error) {
	cmd := exec.Command("git", "rev-parse", "--short=8", "HEAD")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("which commit is measured: %w", err)
	}
	return strings.TrimSpace(string(out))[:8], nil
}

func headraceCommand(s *Setup, q *Query, data, out string) Command {
	workspace := filepath.Join(s.Dir, "workspace")
	args := []string{s.Headrace, "run", "-q", "--cores", strconv.Itoa(s.Threads), "--workspace", workspace}
	args = append(args, s.params(q, data, out)...)
	return Command{
		Args: append(args, q.dag()),
		Env:  []string{"GOMAXPROCS=" + strconv.Itoa(s.Threads)}, // Go's own threads count too
		Dir:  workspace,                                         // its cache would remember the answer
	}
}

func (s *Setup) params(q *Query, data, out string) []string {
	args := []string{"--set", "path=" + data, "--set", "out=" + out}
	if q.Ext == ".parquet" {
		args = append(args, "--set", "codec="+s.Codec)
	}
	return args
}

// Check asks Headrace whether it can do the query at all; the reason why not is its first line of complaint, "" where it can.
func (s *Setup) Check(q *Query, data string) (string, error) {
	args := append([]string{"check", "-q"}, s.params(q, data, filepath.Join(s.Dir, "out"+q.Ext))...)
	cmd := exec.Command(s.Headrace, append(args, q.dag())...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &exit):
		return "", err
	case exit.ExitCode() != 2: // a file that is wrong; what else goes wrong is no answer
		return "", fmt.Errorf("headrace check %s: %w\n%s", q.dag(), err, said.String())
	}
	for line := range strings.Lines(said.String()) {
		if _, why, ok := strings.Cut(line, ": error["); ok { // error[E0201]: why
			_, why, _ = strings.Cut(why, "]: ")
			return strings.TrimSpace(why), nil
		}
	}
	return "", fmt.Errorf("headrace check %s: no error in what it says\n%s", q.dag(), said.String())
}

func peers(s *Setup) string { return filepath.Join(s.Root, "testing", "peers") }

func nodeVersion(name string) func(s *Setup) (string, error) {
	return func(s *Setup) (string, error) {
		text, err := os.ReadFile(filepath.Join(peers(s), "node_modules", filepath.FromSlash(name), "package.json"))
		if err != nil {
			return "", fmt.Errorf("%s is not installed, make peers does it: %w", name, err)
		}
		var p struct{ Version string }
		err = json.Unmarshal(text, &p)
		return p.Version, err
	}
}

func nodeCommand(script, ext string) func(s *Setup, q *Query, data, out string) Command {
	return func(s *Setup, q *Query, data, out string) Command {
		return Command{
			Args: []string{"node", filepath.Join(peers(s), script), q.File + ext, data, out, s.Codec},
			Env:  []string{"THREADS=" + strconv.Itoa(s.Threads), "POLARS_MAX_THREADS=" + strconv.Itoa(s.Threads)},
		}
	}
}

// python is Debian's, which XGBoost is installed for.
const python = "/usr/bin/python3"

func pythonVersion(module string) func(*Setup) (string, error) {
	return func(*Setup) (string, error) {
		out, err := exec.Command(python, "-c", "import "+module+"; print("+module+".__version__)").Output()
		if err != nil {
			return "", fmt.Errorf("%s is not installed, make peers does it: %w", module, err)
		}
		return strings.TrimSpace(string(out)), nil
	}
}

// jobCommand runs File.sql, hands its table over by a CSV file, and runs File.py. What the hand-over takes does not count.
func jobCommand(s *Setup, q *Query, data, out string) Command {
	dir, threads := filepath.Join(s.Dir, "job"), strconv.Itoa(s.Threads)
	return Command{
		Args:    []string{"node", filepath.Join(peers(s), "job.js"), q.File, data, out, dir, python},
		Env:     []string{"THREADS=" + threads, "OMP_NUM_THREADS=" + threads},
		Dir:     dir,
		Account: filepath.Join(dir, "account.json"),
	}
}
