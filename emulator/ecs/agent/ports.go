package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// ports hands out free TCP ports, none twice at a time.
type ports struct {
	mu    sync.Mutex
	taken map[int]bool
}

func (p *ports) take(ctx context.Context) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 100 {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		address, err := netip.ParseAddrPort(listener.Addr().String())
		if err = errors.Join(err, listener.Close()); err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		port := int(address.Port())
		if !p.taken[port] {
			p.taken[port] = true
			return port, nil
		}
	}
	return 0, errors.New("find a free port: a hundred tries gave only ports in use")
}

func (p *ports) release(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, port)
}
