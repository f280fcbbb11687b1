// Command edge is the emulated AWS: moto as a child process, and in front of it
// the parts that run what is deployed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecr"
	"sensor-backend/emulator/ecs"
	"sensor-backend/emulator/ecs/agent"
	"sensor-backend/emulator/ecs/scheduler"
	"sensor-backend/emulator/edge"
	"sensor-backend/emulator/elb"
	"sensor-backend/emulator/faults"
	"sensor-backend/emulator/iam/access"
	"sensor-backend/emulator/image"
	"sensor-backend/emulator/keepalive"
	"sensor-backend/emulator/lambda"
	"sensor-backend/emulator/moto"
	"sensor-backend/emulator/process"
	"sensor-backend/emulator/s3events"
)

// warehouseParameter holds the address of the API's database.
const warehouseParameter = "/sensor-backend/warehouse-url"

// settings are the command line.
type settings struct {
	listen      string
	elbListen   string
	motoPort    int
	motoCommand string
	dir         string
	scanDelay   time.Duration
	speed       float64
}

func main() {
	var s settings
	flag.StringVar(&s.listen, "listen", ":5000", "address of the AWS APIs, the registry and the control paths")
	flag.StringVar(&s.elbListen, "elb-listen", ":8000", "address of the load balancer")
	flag.IntVar(&s.motoPort, "moto-port", 5001, "loopback port for moto")
	flag.StringVar(&s.motoCommand, "moto-command", "python3", "Python 3 with moto, as words separated by spaces")
	flag.StringVar(&s.dir, "dir", "", "directory for layers, tasks and functions (default: a temporary one)")
	flag.DurationVar(&s.scanDelay, "scan-delay", time.Second, "how long an image scan takes")
	flag.Float64Var(&s.speed, "speed", 10, "how many times faster than stated the periods of health checks and the bake times of deployments pass")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, s, log)
	stop()
	if err != nil {
		log.Error("the emulator stopped", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings, log *slog.Logger) error {
	ctx, endWork := context.WithCancel(ctx)
	defer endWork()
	if err := process.BecomeReaper(); err != nil {
		return err
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "emulator-")
		if err != nil {
			return fmt.Errorf("make a directory for the emulator: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		s.dir = dir
	}
	child, err := moto.Start(ctx, strings.Fields(s.motoCommand), s.motoPort, os.Stderr)
	if err != nil {
		return err
	}
	defer child.Stop()
	client := moto.NewClient(fmt.Sprintf("http://127.0.0.1:%d", s.motoPort))
	parts, err := assemble(s, client, log)
	if err != nil {
		return err
	}
	defer parts.Lambda.Close()
	e, err := edge.New(parts)
	if err != nil {
		return err
	}
	servers, failed, err := serve(ctx, log, map[string]http.Handler{s.listen: e, s.elbListen: parts.Balancer})
	if err != nil {
		return err
	}
	defer shutdown(ctx, servers)
	ready, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := child.WaitReady(ready, client); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if err := client.SelfTest(ready); err != nil {
		// Who asks for its health is told; nothing else works.
		log.Error("the emulated AWS is not fit to use", "error", err)
		e.Unfit(err)
	} else {
		e.Ready(client.Version(ready))
	}
	var working sync.WaitGroup
	working.Go(func() { parts.ECS.Run(ctx) })
	defer working.Wait()
	defer endWork()
	log.Info("the emulated AWS answers", "api", s.listen, "load balancer", s.elbListen)
	select {
	case <-ctx.Done():
		return nil
	case <-child.Done():
		return child.Err()
	case err := <-failed:
		return err
	}
}

// assemble makes the parts that an edge routes to.
func assemble(s settings, client *moto.Client, log *slog.Logger) (edge.Parts, error) {
	_, port, err := net.SplitHostPort(s.listen)
	if err != nil {
		return edge.Parts{}, fmt.Errorf("read -listen %q: %w; give host:port or :port", s.listen, err)
	}
	endpoint := "http://localhost:" + port
	injected, regions := &faults.Set{}, &awsapi.Regions{}
	permits, err := access.New(client, time.Now, log)
	if err != nil {
		return edge.Parts{}, err
	}
	balancer := elb.New(client, s.speed, regions.All, log)
	launcher := agent.NewLauncher(agent.Config{
		Moto: client, Puller: image.Puller{Registry: "localhost:" + port}, Balancer: balancer, Faults: injected,
		Checks: func(ctx context.Context, group string) (elb.HealthCheck, error) {
			return elb.ReadHealthCheck(ctx, client, group)
		},
		Dir: filepath.Join(s.dir, "tasks"), Endpoint: endpoint, Speed: s.speed, Settle: 500 * time.Millisecond, Log: log,
		Roles: taskRoles{permits},
	})
	functions := lambda.New(lambda.Config{
		Moto: client, Dir: filepath.Join(s.dir, "functions"), Endpoint: endpoint, Speed: s.speed, Log: log,
		Roles: functionRoles{permits},
	})
	invoke := func(ctx context.Context, bucket, function, region string, event []byte) error {
		name, err := lambda.ParseName(function, region)
		if err == nil {
			err = permits.ServiceMay(ctx, "s3.amazonaws.com", "lambda:InvokeFunction", function, "arn:aws:s3:::"+bucket)
		}
		if err == nil {
			_, err = functions.Enqueue(ctx, name, event)
		}
		return err
	}
	return edge.Parts{
		Lambda: functions, Events: s3events.New(client, invoke, time.Now, log),
		Prepare: func(ctx context.Context, region string) error {
			return putWarehouse(ctx, client, region, os.Getenv("SENSOR_WAREHOUSE_URL"))
		},
		Moto: client.Base(), Healthy: client.Ready, Log: log, Balancer: balancer, Faults: injected, Regions: regions, Access: permits,
		Registry: ecr.New(ecr.Options{
			Dir: filepath.Join(s.dir, "blobs"), Repositories: ecr.MotoRepositories{Moto: client}, ScanDelay: s.scanDelay,
			Scans: injected, Regions: regions, Password: permits.RegistryPassword,
		}),
		ECS: ecs.New(ecs.Config{
			Moto: client, Launcher: tasks{launcher}, Traffic: balancer, Clock: time.Now,
			Minute: time.Duration(float64(time.Minute) / s.speed), Log: log,
		}),
	}, nil
}

// tasks lets ECS launch through a agent.Launcher.
type tasks struct{ *agent.Launcher }

// Launch starts a task.
func (t tasks) Launch(spec agent.Spec, report func(scheduler.Observation)) ecs.Handle {
	return t.Launcher.Launch(spec, report)
}

// taskRoles lets tasks take their roles.
type taskRoles struct{ *access.Access }

// Start takes the role that starts a task.
func (r taskRoles) Start(ctx context.Context, region, role, id, source string) (agent.Starter, error) {
	return r.Act(ctx, "ecs-tasks.amazonaws.com", region, role, id, source)
}

// functionRoles lets functions take their roles.
type functionRoles struct{ *access.Access }

// Take takes the role of a function.
func (r functionRoles) Take(ctx context.Context, region, role, name, source string) (lambda.Role, error) {
	return r.Act(ctx, "lambda.amazonaws.com", region, role, name, source)
}

// putWarehouse stores the warehouse's address where a deployment to the region
// looks for it.
func putWarehouse(ctx context.Context, client *moto.Client, region, address string) error {
	if address == "" {
		return nil
	}
	err := client.JSON(ctx, region, "AmazonSSM.PutParameter", map[string]any{
		"Name": warehouseParameter, "Type": "SecureString", "Value": address, "Overwrite": true,
	}, nil)
	if err != nil {
		return fmt.Errorf("store the warehouse's address in %s: %w", warehouseParameter, err)
	}
	return nil
}

func serve(ctx context.Context, log *slog.Logger, handlers map[string]http.Handler) ([]*http.Server, <-chan error, error) {
	failed := make(chan error, len(handlers))
	servers := make([]*http.Server, 0, len(handlers))
	for address, handler := range handlers {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			shutdown(ctx, servers)
			return nil, nil, fmt.Errorf("listen on %s: %w; choose another address with -listen or -elb-listen", address, err)
		}
		server := newServer(log, handler)
		servers = append(servers, server)
		go func() {
			if err := server.Serve(keepalive.Listen(listener)); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve %s: %w", address, err)
			}
		}()
	}
	return servers, failed, nil
}

// newServer makes a server that leaves it to clients to end a connection, where
// it can; see lasting for why.
func newServer(log *slog.Logger, handler http.Handler) *http.Server {
	return &http.Server{ //nolint:gosec // a time limit for headers would end connections
		Handler: handler, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// shutdown lets requests under way end, for a while, also when ctx has ended.
func shutdown(ctx context.Context, servers []*http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close()
		}
	}
}
