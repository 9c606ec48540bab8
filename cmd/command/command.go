// Package command is the command line. A main of one's own that imports operators of one's own calls Main as cmd/headrace does.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/operators/diag"
)

// Main runs the command line of the process and exits.
func Main() {
	os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr))
}

// Run runs a command line and gives its exit code. Results go to out, all else to errs.
func Run(args []string, out, errs io.Writer) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	code := make(chan int, 1)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() { // lives as long as the command
		s, ok := <-signals
		if !ok {
			return
		}
		c := engine.ExitInt
		if s == syscall.SIGTERM {
			c = engine.ExitTerm
		}
		code <- c
		cancel(fmt.Errorf("stopped by %v", s))
		<-signals // a second one does not wait
		os.Exit(c)
	}()
	a := &app{out: out, errs: errs}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return engine.ExitDone
	}
	select {
	case c := <-code:
		fmt.Fprintln(errs, "headrace:", context.Cause(ctx))
		return c
	default:
	}
	return a.fail(err)
}

// app is what the commands share.
type app struct {
	out, errs io.Writer
	files     []string
	set       []string
	workspace string
	date      string
	cores     int
	quiet     bool
	jsonOut   bool
}

// usage is an error of the command line itself.
type usage struct{ err error }

func (u usage) Error() string { return u.err.Error() }

// done is an error that was told already: only its code is left.
type done struct{ code int }

func (d done) Error() string { return fmt.Sprintf("exit %d", d.code) }

// fail tells an error and gives its exit code.
func (a *app) fail(err error) int {
	var d done
	if errors.As(err, &d) {
		return d.code
	}
	var u usage
	if errors.As(err, &u) || strings.HasPrefix(err.Error(), "unknown command") {
		fmt.Fprintf(a.errs, "headrace: %v\n", err)
		return engine.ExitInvalid
	}
	var none *store.NoModel
	if errors.As(err, &none) {
		err = diag.List{diag.New(diag.BadArgument, diag.At{}, "%s", none.What).WithHelp("%s", none.Help)}.Err()
	}
	if l, ok := diag.From(err); ok {
		a.render(l)
		return engine.ExitCode(err)
	}
	fmt.Fprintf(a.errs, "headrace: %s\n", oneLine(err))
	var p *exec.PanicError
	if errors.As(err, &p) {
		fmt.Fprintf(a.errs, "%s\nthis is a mistake in Headrace, not in your file: please report it with the lines above\n", p.Stack)
	}
	return engine.ExitCode(err)
}

// oneLine is an error in one line: of failures on failures, such as a clean-up that fails as well, each once.
func oneLine(err error) string {
	var s []string
	for _, l := range strings.Split(err.Error(), "\n") {
		if l != "" && !slices.Contains(s, l) {
			s = append(s, l)
		}
	}
	return strings.Join(s, "; ")
}

// render prints findings, with carets, in colour on a terminal.
func (a *app) render(l diag.List) {
	if len(l) > 0 {
		wide, _ := terminalWidth(a.errs)
		fmt.Fprint(a.errs, dags.Render(l.Sort(), a.colour(a.errs), wide))
	}
}

func (a *app) colour(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	return os.Getenv("CLICOLOR_FORCE") != "" || isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// widthDefault is how wide text is where no terminal says how wide it is.
const widthDefault = 80

// width of the terminal, widthDefault where there is none.
func width(w io.Writer) int {
	n, _ := terminalWidth(w)
	return cmp.Or(n, widthDefault)
}

// terminalWidth is how wide the terminal is that w is, if it is one: what programs read keeps to its lines.
func terminalWidth(w io.Writer) (wide int, ok bool) {
	if f, file := w.(*os.File); file {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return cmp.Or(n, widthDefault), true
		}
	}
	return 0, false
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "headrace",
		Short: "Check, run, gate, publish and score training pipelines",
		Long: `Headrace runs pipelines that (re)train models. A pipeline is one YAML file that declares
a DAG of cleaning, sampling, feature, train and evaluate operators; all of it is checked
before a row is read.`,
		SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage{fmt.Errorf("no command %q: headrace help lists them", args[0])}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if st, err := os.Stat(a.workspace); err == nil && !st.IsDir() {
				return usage{fmt.Errorf("--workspace %s: it is a file, and a workspace is a folder", a.workspace)}
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		msg, _, _ := strings.Cut(err.Error(), ": strconv.") // Go's own words say nothing to who typed it
		if !c.HasParent() {
			return usage{fmt.Errorf("%s (headrace help)", msg)}
		}
		return usage{fmt.Errorf("%s: %s (headrace help %s)", c.Name(), msg, strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" "))}
	})
	root.PersistentFlags().StringVar(&a.workspace, "workspace", env("HEADRACE_WORKSPACE", ".headrace"), "folder of runs, models and cache (HEADRACE_WORKSPACE)")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "no progress")
	help := help(root)
	groups := a.groups(help)
	for _, g := range groups {
		root.AddCommand(g.commands...)
	}
	root.AddCommand(a.topics()...)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(help)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { a.usage(c, groups) })
	return root
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// dagFlags are the flags of every command that reads a DAG file.
func (a *app) dagFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVarP(&a.files, "file", "f", nil, "lay this file over the DAG file; may be given more than once")
	f.StringArrayVar(&a.set, "set", nil, "set a parameter: NAME=VALUE")
	f.StringVar(&a.date, "date", env("HEADRACE_DATE", ""), "run.date, as 2026-01-31 (HEADRACE_DATE)")
	f.IntVar(&a.cores, "cores", 0, "cores to use; 0: as the DAG file says, else all")
}

// load reads the DAG file that a command names. Findings are given back, not printed.
func (a *app) load(args []string) (*dags.Pipeline, diag.List, error) {
	set := map[string]string{}
	for _, s := range a.set {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, nil, usage{fmt.Errorf("--set %s: write NAME=VALUE", s)}
		}
		set[k] = v
	}
	if a.date != "" {
		if _, err := time.Parse(time.DateOnly, a.date); err != nil {
			return nil, nil, usage{fmt.Errorf("--date %s: write a day, as 2026-01-31", a.date)}
		}
	}
	if a.cores < 0 {
		return nil, nil, usage{fmt.Errorf("--cores %d: write 0 for all, or how many", a.cores)}
	}
	names := append(append([]string{}, args...), a.files...)
	if len(names) == 0 {
		return nil, nil, usage{errors.New("which DAG file?")}
	}
	p, l := dags.Load(dags.LoadOptions{Files: names, Set: set, Env: os.LookupEnv, RunDate: a.date})
	return p, l, nil
}

func (a *app) config() engine.Config {
	return engine.Config{Workspace: a.workspace, Workers: a.cores, Date: a.date}
}

// oneFile holds a command to one DAG file, given bare or with -f.
func oneFile(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n || len(args) < n-1 || len(args) < n && !c.Flags().Changed("file") {
			return usage{fmt.Errorf("usage: %s", useLine(c))}
		}
		return nil
	}
}

// exactly is cobra.ExactArgs with our words and code.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usage{fmt.Errorf("usage: %s", useLine(c))}
		}
		return nil
	}
}

// useLine is a command with the commands that it stands under.
func useLine(c *cobra.Command) string { return strings.TrimSuffix(c.CommandPath(), c.Name()) + c.Use }

func (a *app) version() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: exactly(0), RunE: func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(a.out, "headrace", engine.Version)
		return err
	}}
}
