// Package report makes the page that a run leaves behind: one self-contained HTML file.
package report

import (
	"fmt"
	"time"

	"github.com/headrace/headrace/operators"
)

// Page is what the report tells.
type Page struct {
	Pipeline, Doc string
	Run           string
	Started       time.Time
	Engine        string
	Params        map[string]string
	Steps         []Step
	Evals         []Evaluation
	Gates         []Gate
	Passed        bool
	Model         string // "" where nothing is published
	Version       int    // 0: not published
	Alias         string
	Hash          string
}

// Step is a line of the list of steps.
type Step struct {
	ID, Operator string
	Facts        []operators.Fact
}

// Evaluation is one evaluate step.
type Evaluation struct {
	Step            string
	Model           string
	Rows            int64
	Result          operators.Result
	Notes           operators.Notes // of the model's fit
	Champion        string          // the reference; "" where none is compared
	ChampionMissing string          // why it was not scored; "" where it was
	Overlap         int64           // of Rows, how many the champion has learnt from
	Untold          string          // why it may have learnt from more; "" where that is known
	Before          string          // the model that this one goes on from; "" where there is none
	BeforeOverlap   int64           // of Rows, how many that has learnt from
	BeforeUntold    string          // as Untold
	Valid           int64           // rows that early stopping measured on; not counted where nothing is gone on from
	ValidOverlap    int64           // of Valid, how many the model before has learnt from
	Group           string          // of a ranking, the column
	Groups          int64           // of Rows; not counted where train rows are measured
	GroupsLearnt    int64           // of Groups, of how many there are train rows too
	GroupLearnt     string          // one of them
	Split           string          // the step that parts them
}

// Parted says that groups of a ranking are among the train rows too: the model looks better there than it is on groups that it has not
// seen. "" where none is.
func (e Evaluation) Parted() string {
	if e.GroupsLearnt == 0 {
		return ""
	}
	return fmt.Sprintf("step %q parts groups: %s of %s (%s %s) have train rows too", e.Split, Count(e.GroupsLearnt), Plural(e.Groups, "measured group"),
		Visible(e.Group), Visible(e.GroupLearnt))
}

// Unknown says of models that it is not known which of the rows they have learnt from, and why.
func (e Evaluation) Unknown() (lines []string) {
	for _, x := range [][2]string{{e.Champion, e.Untold}, {e.Before, e.BeforeUntold}} {
		if x[1] != "" {
			lines = append(lines, fmt.Sprintf("which of these rows %s has learnt from is not known: %s", x[0], x[1]))
		}
	}
	return lines
}

// Stopped says that early stopping measured on rows that the model before has learnt from: there it looks better than it is. "" where it
// did not.
func (e Evaluation) Stopped() string {
	if e.ValidOverlap == 0 {
		return ""
	}
	return fmt.Sprintf("early_stop may end too soon: %s has learnt from %s of %s", e.Before, Count(e.ValidOverlap), Plural(e.Valid, "valid row"))
}

// Gate is a line of the gates with its verdict.
type Gate struct {
	Line    string
	Passed  bool
	Skipped bool   // it names the champion, and there is none yet
	Reason  string // the numbers: "auc = 0.6712, champion.auc = 0.6698"
}
