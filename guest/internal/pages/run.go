package pages

const (
	pageBytes = 4096
	// batchPages is how many pages are copied at a time: enough that system calls cost little, few enough that the
	// buffer stays in the processor's cache.
	batchPages = 256
	// maxParts limits the parts of a batch: the kernel's limit for one system call (IOV_MAX).
	maxParts = 1024
)

// run is a number of pages without a gap.
type run struct {
	first, count uint32
}

// appendPage adds a page behind all others.
func appendPage(runs []run, page uint32) []run {
	if last := len(runs) - 1; last >= 0 && runs[last].first+runs[last].count == page {
		runs[last].count++
		return runs
	}
	return append(runs, run{page, 1})
}

// batch is a part of all pages, with its place among them.
type batch struct {
	runs  []run
	first uint64
	count uint64
}

// batches divides runs into parts of at most batchPages.
func batches(runs []run) []batch {
	var all []batch
	var current batch
	for _, r := range runs {
		for r.count > 0 {
			take := min(r.count, batchPages-uint32(current.count))
			current.runs = append(current.runs, run{r.first, take})
			current.count += uint64(take)
			r.first, r.count = r.first+take, r.count-take
			if current.count == batchPages || len(current.runs) == maxParts {
				all = append(all, current)
				current = batch{first: current.first + current.count}
			}
		}
	}
	if current.count > 0 {
		all = append(all, current)
	}
	return all
}

// total is the number of pages in runs.
func total(runs []run) uint64 {
	var sum uint64
	for _, r := range runs {
		sum += uint64(r.count)
	}
	return sum
}
