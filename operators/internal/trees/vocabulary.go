package trees

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/model"
)

// Vocabularies hold, for each text feature, the values of the train rows, sorted: a value's place is its code.
type Vocabularies []*Vocabulary

// Vocabulary is of one text feature.
type Vocabulary struct {
	keys counts.Keys
	rank []int32  // of each key, its code
	text []string // of each code
}

// NewVocabularies are those of the features of a table. more are values that each feature has besides, where they are given.
func NewVocabularies(features []operators.Field, train operators.Table, more ...[]string) Vocabularies {
	v := make(Vocabularies, len(features))
	for j, f := range features {
		if !f.Type.Text() {
			continue
		}
		t := &Vocabulary{keys: counts.Keys{Type: f.Type}}
		t.keys.Codes(nil, &train.Cols[j])
		if j < len(more) {
			col := batch.OfStrings(more[j])
			t.keys.Codes(nil, &col)
		}
		t.rank = make([]int32, t.keys.Len())
		for code, k := range t.keys.Sorted() {
			t.rank[k] = int32(code)
			t.text = append(t.text, t.keys.Text(k))
		}
		v[j] = t
	}
	return v
}

// codes are the codes of a column, -1 for nulls and for values that the train rows do not have.
func (t *Vocabulary) codes(col *batch.Column) []int32 {
	known := int32(len(t.rank))
	codes := t.keys.Codes(nil, col) // values that are new are numbered behind the known ones
	for i, k := range codes {
		if k >= 0 && k < known {
			codes[i] = t.rank[k]
		} else {
			codes[i] = -1
		}
	}
	return codes
}

// Len is how many values there are.
func (t *Vocabulary) Len() int { return len(t.text) }

// Text is the value of a code.
func (t *Vocabulary) Text(code int) string { return t.text[code] }

// levels is how many levels the core is told of; a column of nulls has one, which no row has.
func (t *Vocabulary) levels() int { return max(1, len(t.text)) }

// Features are the features of a table, whose columns begin with theirs, as learners of trees read them: in their order, wide ones as
// their members.
func (v Vocabularies) Features(features []operators.Field, t operators.Table) (out []Feature) {
	for j, f := range features {
		if v[j] != nil {
			out = append(out, Feature{Name: f.Name, Codes: v[j].codes(&t.Cols[j]), Levels: v[j].levels()})
			continue
		}
		if k := t.Cols[j].Type.Kind; k != batch.Vector && (k != batch.Float64 || t.Cols[j].Valid != nil) {
			out = append(out, Feature{Name: f.Name, Read: t.Cols[j].ReadFloats})
			continue
		}
		for _, n := range model.Numbers(features[j:j+1], t.Cols[j:j+1]) {
			out = append(out, Feature{Name: n.Name, Values: n.Values})
		}
	}
	return out
}
