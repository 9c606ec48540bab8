package trees

import (
	"fmt"
	"slices"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// Of a column of many values the frequent ones are told apart, by rows of weight above 0 and of equally frequent ones the lesser; of few,
// all of them.
func TestVocabulary(t *testing.T) {
	var texts []string
	var weight []float64
	add := func(text string, rows int, w float64) {
		for range rows {
			texts, weight = append(texts, text), append(weight, w)
		}
	}
	for i := range 1000 {
		add(fmt.Sprintf("%04d", i), 1, 1)
	}
	for _, i := range []int{999, 500, 700} {
		add(fmt.Sprintf("%04d", i), 3, 1)
	}
	add("0998", 9, 0)
	features := []operators.Field{{Name: "x", Type: batch.T(batch.String)}}
	table := operators.Table{N: len(texts), Cols: []batch.Column{batch.OfStrings(texts)}}
	other := operators.Table{N: 5, Cols: []batch.Column{batch.OfStrings([]string{"0000", "0999", "0998", "new", ""}).WithNulls([]bool{4: true})}}

	v := NewVocabularies(features, table, weight)
	f := v.Features(features, table)[0]
	if f.Levels != levelsMax || v[0].Len() != levelsMax || v[0].Text(252) != "0500" || v[0].Text(251) != "0251" {
		t.Errorf("%d levels, %q and %q", f.Levels, v[0].Text(251), v[0].Text(252))
	}
	if got := v.Features(features, other)[0].Codes; !slices.Equal(got, []int32{0, 254, -1, -1, -1}) {
		t.Errorf("codes %v", got)
	}
	if got := NewVocabularies(features, table, nil).Features(features, other)[0].Codes; !slices.Equal(got, []int32{0, 254, 253, -1, -1}) {
		t.Errorf("codes %v where all rows count", got)
	}
	more := NewVocabularies(features, table, weight, []string{"0990", "0999", "other"})
	if got := more.Features(features, other)[0].Codes; more[0].Len() != levelsMax+2 || !slices.Equal(got, []int32{0, 255, -1, -1, -1}) || more[0].Text(256) != "other" {
		t.Errorf("%d levels, codes %v, where there are more", more[0].Len(), got)
	}

	v = NewVocabulariesWithRest(features, table, weight)
	if f = v.Features(features, other)[0]; f.Levels != 255 || !slices.Equal(f.Codes, []int32{0, 253, 254, 254, -1}) {
		t.Errorf("%d levels, codes %v with a rest", f.Levels, f.Codes)
	}
	table = operators.Table{N: 254, Cols: []batch.Column{batch.OfStrings(texts[:254])}}
	v = NewVocabulariesWithRest(features, table, nil)
	if f = v.Features(features, other)[0]; f.Levels != 254 || !slices.Equal(f.Codes, []int32{0, -1, -1, -1, -1}) {
		t.Errorf("%d levels, codes %v of few values", f.Levels, f.Codes)
	}
}
