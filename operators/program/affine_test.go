package program

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

func TestAffine(t *testing.T) {
	in := typesOf(batch.Float64, batch.Float32, batch.Int32, batch.Int64, batch.Decimal, batch.Bool)
	lawCase(t, func() Kind {
		return &Affine{Sub: []float64{0.1, 2, 3, 4, 0.5, 1}, Div: []float64{3, 0.1, 7, -1, 0, math.Inf(1)}}
	}, in, repeat(batch.T(batch.Float64), 6))

	d := batch.OfInt64s([]int64{12345})
	d.Type = lawDecimal
	g := One(&Affine{Sub: []float64{2.345}, Div: []float64{4}}, named("x", []batch.Type{lawDecimal}), named("y", typesOf(batch.Float64)))
	out, err := g.Batch(nil, 1, []batch.Column{d})
	if err != nil || out[0].Float64s()[0] != (12.345-2.345)/4 {
		t.Fatal(out, err)
	}

	f, s := typesOf(batch.Float64), typesOf(batch.String)
	one := func() Kind { return &Affine{Sub: []float64{1}, Div: []float64{1}} }
	refuses(t, "text", one(), s, f)
	refuses(t, "an output of text", one(), f, s)
	refuses(t, "too many columns", one(), append(f, f...), append(f, f...))
	refuses(t, "no divisor", &Affine{Sub: []float64{1}}, f, f)
}

func BenchmarkAffine(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 65536
	for _, kind := range []batch.Kind{batch.Float64, batch.Int32} {
		b.Run(kind.String(), func(b *testing.B) {
			col, c := (*batch.Ctx)(nil).New(batch.T(kind), n), &batch.Ctx{}
			for i := range n {
				if kind == batch.Float64 {
					col.Float64s()[i] = r.NormFloat64()
				} else {
					col.Int32s()[i] = r.Int32()
				}
			}
			g := One(&Affine{Sub: []float64{1}, Div: []float64{3}}, named("x", []batch.Type{col.Type}), named("y", typesOf(batch.Float64)))
			for b.Loop() {
				c.Reset()
				if _, err := g.Batch(c, n, []batch.Column{col}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}
