package optest

import (
	"math/rand/v2"
	"sync"
)

// Workers is a Parallel of n goroutines that take the tasks in the order that
// seed shuffles them to.
func Workers(n int, seed uint64) func(int, func(int)) {
	return func(tasks int, f func(int)) {
		order := rand.New(rand.NewPCG(seed, uint64(tasks))).Perm(tasks)
		if n == 1 {
			for _, i := range order {
				f(i)
			}
			return
		}
		queue := make(chan int, tasks)
		for _, i := range order {
			queue <- i
		}
		close(queue)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for i := range queue {
					f(i)
				}
			})
		}
		wg.Wait()
	}
}
