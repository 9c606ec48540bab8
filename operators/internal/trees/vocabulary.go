package trees

import (
	"cmp"
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/model"
)

// Vocabularies hold, for each text feature, the values of the train rows that are told apart, sorted: a value's place is its code.
type Vocabularies []*Vocabulary

// Vocabulary is of one text feature.
type Vocabulary struct {
	keys counts.Keys
	rank []int32  // of each key, its code, or rest
	text []string // of each code
	rest int32    // the code of the values that have none of their own, and of those that train rows do not have; -1: they are missing
}

// levelsMax is how many values of a text feature are told apart: no column has more bins. A node keeps a bit for each, so that a column
// of a million names costs no more than one of 255.
const levelsMax = 255

// NewVocabularies are those of the features of a table: of each the values that most rows of weight above 0 have, of equally frequent ones
// the lesser, and more, where they are given. Weight nil is 1 for every row. The rest count as missing.
func NewVocabularies(features []operators.Field, train operators.Table, weight []float64, more ...[]string) Vocabularies {
	return vocabularies(features, train, weight, levelsMax, more)
}

// NewVocabulariesWithRest are vocabularies in which the values that are not told apart, where there are such, are one level.
func NewVocabulariesWithRest(features []operators.Field, train operators.Table, weight []float64) Vocabularies {
	v := vocabularies(features, train, weight, levelsMax-1, nil)
	for _, t := range v {
		if t == nil || len(t.text) == len(t.rank) {
			continue
		}
		t.rest = int32(len(t.text))
		for k, code := range t.rank {
			if code < 0 {
				t.rank[k] = t.rest
			}
		}
	}
	return v
}

func vocabularies(features []operators.Field, train operators.Table, weight []float64, most int, more [][]string) Vocabularies {
	v := make(Vocabularies, len(features))
	for j, f := range features {
		if !f.Type.Text() {
			continue
		}
		t := &Vocabulary{keys: counts.Keys{Type: f.Type}, rest: -1}
		codes := t.keys.Codes(nil, &train.Cols[j])
		var also []int32
		if j < len(more) {
			col := batch.OfStrings(more[j])
			also = t.keys.Codes(nil, &col)
		}
		t.rank = make([]int32, t.keys.Len())
		kept := t.keys.Sorted()
		if len(kept) > most {
			rows := make([]int, len(kept))
			for i, k := range codes {
				if k >= 0 && (weight == nil || weight[i] > 0) {
					rows[k]++
				}
			}
			place := make([]int, len(kept))
			for at, k := range kept {
				t.rank[k], place[k] = -1, at
			}
			slices.SortStableFunc(kept, func(a, b int32) int { return cmp.Compare(rows[b], rows[a]) })
			kept = append(kept[:most:most], also...)
			slices.SortFunc(kept, func(a, b int32) int { return cmp.Compare(place[a], place[b]) })
			kept = slices.Compact(kept)
		}
		for code, k := range kept {
			t.rank[k] = int32(code)
			t.text = append(t.text, t.keys.Text(k))
		}
		v[j] = t
	}
	return v
}

// codes are the codes of a column, -1 for nulls.
func (t *Vocabulary) codes(col *batch.Column) []int32 {
	known := int32(len(t.rank))
	codes := t.keys.Codes(nil, col) // values that are new are numbered behind the known ones
	for i, k := range codes {
		switch {
		case k < 0:
		case k < known:
			codes[i] = t.rank[k]
		default:
			codes[i] = t.rest
		}
	}
	return codes
}

// Len is how many values are told apart.
func (t *Vocabulary) Len() int { return len(t.text) }

// Text is the value of a code.
func (t *Vocabulary) Text(code int) string { return t.text[code] }

// levels is how many levels the core is told of; a column of nulls has one, which no row has.
func (t *Vocabulary) levels() int { return max(1, len(t.text), int(t.rest)+1) }

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
