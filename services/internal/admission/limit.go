package admission

import (
	"context"
	"io"
	"math"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/go-json-experiment/json"
)

// Limit is the memory that a process may have, in bytes: the least of what its
// ECS task has, by the container metadata endpoint of version 4 at that address
// (empty for none), and of what its cgroup allows. It is 0 when neither says.
func Limit(ctx context.Context, metadataURI string) int64 {
	limit := int64(math.MaxInt64)
	if task := taskLimit(ctx, metadataURI); task > 0 {
		limit = task
	}
	if group, err := memlimit.FromCgroup(); err == nil && group > 0 && group < math.MaxInt64 {
		limit = min(limit, int64(group))
	}
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}

// taskLimit asks ECS for the task's memory, which it gives in MiB.
func taskLimit(ctx context.Context, metadataURI string) int64 {
	if metadataURI == "" {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, metadataURI+"/task", nil)
	if err != nil {
		return 0
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	var task struct {
		Limits struct {
			Memory int64 `json:"Memory"`
		} `json:"Limits"`
	}
	const longest = 1 << 20
	if res.StatusCode != http.StatusOK || json.UnmarshalRead(io.LimitReader(res.Body, longest), &task) != nil {
		return 0
	}
	return task.Limits.Memory << 20
}

// The parts of the memory of a process.
const (
	// heapPart is what Go's runtime may have, in percent. It collects garbage more
	// often before it has more, and holds to it as long as what is in hand fits.
	heapPart = 60
	// handPart is what requests may have in hand, in percent. What they leave
	// behind until it is collected needs the rest.
	handPart = 30
	// assumed is the memory of a process that has no limit, in bytes.
	assumed = 1 << 30
)

// Bound tells Go's runtime of a limit (of 0: of none), unless GOMEMLIMIT has, and
// returns how many bytes requests may have in hand, and the runtime's limit.
func Bound(limit int64) (inHand, runtime int64) {
	const ask = -1
	if limit == 0 {
		return assumed * handPart / 100, debug.SetMemoryLimit(ask)
	}
	if debug.SetMemoryLimit(ask) == math.MaxInt64 {
		debug.SetMemoryLimit(limit * heapPart / 100)
	}
	return limit * handPart / 100, debug.SetMemoryLimit(ask)
}
