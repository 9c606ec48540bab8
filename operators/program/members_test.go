package program

import (
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

func TestMembers(t *testing.T) {
	g, names := TakeApart("v", 3, "@m")
	v := (*batch.Ctx)(nil).NewVector(3, []string{"a", "b", "c"})
	for j := range 3 {
		copy(v.Member(j), []float64{float64(j), 10 + float64(j), 20 + float64(j)})
	}
	v = v.WithNulls([]bool{false, true, false})
	g = g.Narrow([]string{names[2], names[0]})
	g, err := Unmarshal(g.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	out, err := g.Batch(&batch.Ctx{}, 3, []batch.Column{v})
	if err != nil {
		t.Fatal(err)
	}
	f := g.Frame()
	for i := range 3 {
		f.SetRow(g.In[0].Slot, &v, i)
		if err := g.Row(f); err != nil {
			t.Fatal(err)
		}
		for j, p := range g.Out {
			if f.Null[p.Slot] != (i == 1) || out[j].Null(i) != (i == 1) {
				t.Fatalf("row %d: nulls", i)
			}
			want := float64(10*i + []int{2, 0}[j])
			if i != 1 && (out[j].Float64s()[i] != want || f.F[p.Slot] != want) {
				t.Errorf("row %d: %v and %v, want %v", i, out[j].Float64s()[i], f.F[p.Slot], want)
			}
		}
	}
	other := (*batch.Ctx)(nil).NewVector(3, []string{"a"})
	if _, err := g.Batch(&batch.Ctx{}, 3, []batch.Column{other}); err == nil {
		t.Error("a vector of another width was taken")
	}
	for cut := range g.Marshal() {
		if _, err := Unmarshal(g.Marshal()[:cut]); err == nil {
			t.Fatalf("cut to %d bytes it was read", cut)
		}
	}
}
