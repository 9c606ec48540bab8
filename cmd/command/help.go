package command

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// group is commands that are for one thing, in the order in which one comes to use them.
type group struct {
	title    string
	commands []*cobra.Command
}

// groups are all commands but the topics of help.
func (a *app) groups(help *cobra.Command) []group {
	return []group{
		{"From a file to a model", []*cobra.Command{a.inspect(), a.new(), a.check(), a.run()}},
		{"Looking closer", []*cobra.Command{a.plan(), a.peek(), a.test(), a.graph(), a.runs(), a.show(), a.models()}},
		{"Scoring", []*cobra.Command{a.predict()}},
		{"Reference", []*cobra.Command{a.ops(), a.schema(), help, a.completion(), a.version()}},
	}
}

// usage prints what a command is for and how it is called.
func (a *app) usage(c *cobra.Command, groups []group) {
	p := a.page()
	for i, para := range strings.Split(cmp.Or(c.Long, c.Short), "\n\n") {
		if i > 0 {
			fmt.Fprintln(p.w)
		}
		p.line(0, para)
	}
	if c.HasParent() {
		groups = nil
		if sub := c.Commands(); len(sub) > 0 {
			groups = []group{{"Commands", sub}}
		}
		fmt.Fprintf(p.w, "\nUsage\n  %s\n", useLine(c))
		if len(groups) > 0 {
			fmt.Fprintf(p.w, "  %s COMMAND\n", c.CommandPath())
		}
	} else {
		fmt.Fprintf(p.w, "\nUsage\n  %s COMMAND\n", c.Name())
		topics := group{title: "More to read"}
		for _, sub := range c.Commands() {
			if sub.IsAdditionalHelpTopicCommand() {
				topics.commands = append(topics.commands, sub)
			}
		}
		groups = append(groups, topics)
	}
	at := 0
	for _, g := range groups {
		for _, sub := range g.commands {
			at = max(at, len("  ")+len(helpName(sub))+len("  "))
		}
	}
	for _, g := range groups {
		fmt.Fprintf(p.w, "\n%s\n", g.title)
		for _, sub := range g.commands {
			p.item("  "+helpName(sub), sub.Short, at)
		}
	}
	if f := c.LocalFlags(); f.HasAvailableFlags() {
		fmt.Fprintf(p.w, "\nFlags\n%s", f.FlagUsagesWrapped(p.width))
	}
	if f := c.InheritedFlags(); f.HasAvailableFlags() {
		fmt.Fprintf(p.w, "\nFlags of every command\n%s", f.FlagUsagesWrapped(p.width))
	}
	if !c.HasParent() {
		fmt.Fprintf(p.w, "\n%s help COMMAND says more of one.\n", c.Name())
	}
}

// helpName is how a command is listed: a topic is no command, and has help before it.
func helpName(c *cobra.Command) string {
	if c.IsAdditionalHelpTopicCommand() {
		return "help " + c.Name()
	}
	return c.Name()
}

// help is the command of that name. Cobra's own shows the list of commands for a name that is none, and ends well.
func help(root *cobra.Command) *cobra.Command {
	return &cobra.Command{Use: "help [COMMAND]", Short: "Say what a command does, and how it is called", RunE: func(_ *cobra.Command, args []string) error {
		c, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 {
			return usage{fmt.Errorf("no command %q: headrace help lists them", strings.Join(args, " "))}
		}
		c.InitDefaultHelpFlag()
		return c.Help()
	}}
}

func (a *app) completion() *cobra.Command {
	return &cobra.Command{Use: "completion SHELL", Short: "Print completions for bash, zsh, fish or powershell", Args: exactly(1),
		Long: "Completion prints a script that completes Headrace's commands and flags. In bash: source <(headrace completion bash).",
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return usage{fmt.Errorf("completion %s: bash, zsh, fish or powershell", args[0])}
		}}
}
