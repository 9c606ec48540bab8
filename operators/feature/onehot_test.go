package feature_test

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/optest"
)

// TestOneHotAsScikitLearn holds the members to those of scikit-learn's OneHotEncoder.
func TestOneHotAsScikitLearn(t *testing.T) {
	data, err := os.ReadFile("../../testing/peers/onehot.json")
	if err != nil {
		t.Fatal(err)
	}
	var peer struct {
		Cases []struct {
			Options     string
			Train, Test []*string
			Want        [][]float64
		}
	}
	if err := json.Unmarshal(data, &peer); err != nil || len(peer.Cases) < 5 {
		t.Fatal(err, len(peer.Cases))
	}
	for _, c := range peer.Cases {
		t.Run(c.Options, func(t *testing.T) {
			in := "_part | s string?\n"
			for part, values := range map[string][]*string{"train": c.Train, "test": c.Test} {
				for _, s := range values {
					cell := "nil"
					if s != nil {
						cell = strconv.Quote(*s)
					}
					in += part + " | " + cell + "\n"
				}
			}
			options := []string{"columns: s", "method: one_hot"}
			if c.Options != "" {
				options = append(options, c.Options)
			}
			got := encode(t, "{"+strings.Join(options, ", ")+"}", operators.Task{}, in)
			col, rows := got.Cols[0], [][]float64{}
			for i := range got.N {
				if got.PartAt(i) == batch.Test {
					row := make([]float64, col.Wide)
					for j := range row {
						row[j] = col.Member(j)[i]
					}
					rows = append(rows, row)
				}
			}
			if !slices.EqualFunc(rows, c.Want, slices.Equal[[]float64]) {
				t.Errorf("members %q:\n%v\nscikit-learn has\n%v", col.Members, rows, c.Want)
			}
		})
	}
}

func TestOneHotNames(t *testing.T) {
	for _, c := range []struct{ options, in, want string }{
		{"nulls: own, unknown: code", "c string?\nnull\nother\nnil\n\"\"", `c_ c_null c_other c_null_ c_other_`},
		{"", "c bool\ntrue\nfalse", "c_false c_true"},
		{"", "c date\n2001-02-03", "c_2001-02-03"},
		{"", "c decimal(4, 1)\n-0.5\n1.5", "c_-0.5 c_1.5"},
		{"max_categories: 2", "c int64\n7\n5\n9\n5\n7\n9", "c_5 c_7"}, // of equally frequent ones the first
		{"max_categories: 2", "c int64\n7\n9\n9\n5\n-1\n5", "c_5 c_9"},
		{"nulls: own", "c int64?\nnil", "c_null"},
		{"unknown: code, min_count: 2", "c int64\n1", "c_other"},
	} {
		got := encode(t, "{columns: c, method: one_hot, "+c.options+"}", operators.Task{}, c.in)
		if names := strings.Join(got.Cols[0].Members, " "); names != c.want {
			t.Errorf("%s: members %q, want %q", c.options, names, c.want)
		}
	}
	op, _ := optest.Op("feature.encode", "{columns: c, method: one_hot}")
	if err := optest.FitError(t, op, operators.Task{}, optest.Parse(t, "c int64?\nnil")); err == nil || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("of no value: %v", err)
	}
}
