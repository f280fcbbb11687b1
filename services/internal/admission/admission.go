// Package admission bounds the memory of what a service has in hand, in bytes. At
// a Gate a request takes room as it finds out what it needs, or is turned away;
// in a Line it waits for work whose need is known beforehand. Start with New and
// NewLine.
package admission

import (
	"errors"
	"sync"
)

// ErrFull is returned when there is no room now; some moments later there may be.
var ErrFull = errors.New("too much is in hand already")

// Gate is the room there is, in bytes or in places. Nobody waits at it: who waits
// holds memory too.
type Gate struct {
	capacity int64
	share    int64 // of one client

	mu      sync.Mutex
	taken   int64
	clients map[string]int64 // taken by each client that has any
}

// New makes a gate for so much, of which one client may have half.
func New(capacity int64) *Gate {
	return &Gate{capacity: capacity, share: (capacity + 1) / 2, clients: map[string]int64{}}
}

// Capacity is the bytes there are.
func (g *Gate) Capacity() int64 { return g.capacity }

// Taken is the bytes that are taken now.
func (g *Gate) Taken() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.taken
}

// Ticket is what one request has taken, by one goroutine.
type Ticket struct {
	gate   *Gate
	client string
	bytes  int64
}

// Enter begins a request of a client, with nothing taken.
func (g *Gate) Enter(client string) *Ticket { return &Ticket{gate: g, client: client} }

// Take takes so many bytes more, or none and returns ErrFull: when there are not
// as many, or when the client would have more than its share.
func (t *Ticket) Take(bytes int64) error {
	g := t.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken+bytes > g.capacity || g.clients[t.client]+bytes > g.share {
		return ErrFull
	}
	t.add(bytes)
	return nil
}

// Give gives so many bytes back, at most all of them.
func (t *Ticket) Give(bytes int64) {
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	t.add(-min(bytes, t.bytes))
}

// Leave gives everything back.
func (t *Ticket) Leave() { t.Give(t.bytes) }

func (t *Ticket) add(bytes int64) {
	g := t.gate
	t.bytes += bytes
	g.taken += bytes
	if g.clients[t.client] += bytes; g.clients[t.client] == 0 {
		delete(g.clients, t.client)
	}
}
