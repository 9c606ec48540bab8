//go:build !amd64 || headrace_noasm

package exact

func deposit(xs []float64, m *[kept]float64, out *[kept + 1]uint64) { depositGo(xs, m, out) }

func deposit2(xs []float64, m, p *[kept]float64, out *[2*kept + 2]uint64) { deposit2Go(xs, m, p, out) }

func (s *Sums) add(groups []int32, xs []float64, valid []uint64) { s.addGo(groups, xs, valid) }
