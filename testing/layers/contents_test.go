package layers

import (
	"io/fs"
	"slices"
	"testing"
)

func TestDecisionsContents(t *testing.T) {
	text, err := fs.ReadFile(root, "DECISIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range Contents(string(text)) {
		t.Error("DECISIONS.md: ", fault)
	}
}

func TestContentsFinds(t *testing.T) {
	const whole = "# T\n\n- [One, a.b](#one-ab)\n  - [It's](#its)\n  - [Two](#two)\n\n## One, a.b\n### It's\n```\n## no head\n```\n### Two\n"
	for _, c := range []struct {
		text string
		want []string
	}{
		{whole, nil},
		{whole + "### New\n", []string{"no line of the contents is:   - [New](#new)"}},
		{"- [Gone](#gone)\n" + whole, []string{"no head has this line of the contents: - [Gone](#gone)"}},
		{"- [B](#b)\n- [A](#a)\n## A\n## B\n", []string{"the contents are not in the order of the heads"}},
		{"- [A](#b)\n## A\n", []string{"no line of the contents is: - [A](#a)", "no head has this line of the contents: - [A](#b)"}},
	} {
		if got := Contents(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}
