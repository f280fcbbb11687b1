package cost

import "fmt"

// Usage is what the usage-based part of an estimate assumes of one month.
type Usage struct {
	// Requests the API answers, and files the processor works on, each of
	// FileKB and taking FileSeconds.
	Requests, Files     float64
	FileKB, FileSeconds float64
	// LogGB is written by API and processor together, FlowLogGB by the network.
	LogGB, FlowLogGB float64
	// StoredGB lies in the data buckets, TableGB in the table, ImageGB in the
	// registry, WarehouseGB in the warehouse if there is one.
	StoredGB, TableGB, ImageGB, WarehouseGB float64
	// OutGB leaves the tasks through NAT gateway or endpoints.
	OutGB float64
}

// Modest is a small installation: a hundred sensors that send a batch a
// minute and drop a file an hour.
func Modest() Usage {
	const sensors, minutes, hours = 100, 60 * hoursPerMonth, hoursPerMonth
	return Usage{
		Requests: sensors * minutes, Files: sensors * hours, FileKB: 100, FileSeconds: 0.5,
		LogGB: 5, FlowLogGB: 1, StoredGB: 15, TableGB: 1, ImageGB: 2, WarehouseGB: 50, OutGB: 20,
	}
}

// Lines state the assumptions.
func (u Usage) Lines() []string {
	return []string{
		fmt.Sprintf("%.1f million API requests and %.0f thousand files of %.0f KB a month", u.Requests/1e6, u.Files/1e3, u.FileKB),
		fmt.Sprintf("%.0f GB of logs, %.0f GB of flow logs, %.0f GB leaving the tasks", u.LogGB, u.FlowLogGB, u.OutGB),
		fmt.Sprintf("%.0f GB in buckets, %.0f GB in the table, %.0f GB of images, %.0f GB in a warehouse", u.StoredGB, u.TableGB, u.ImageGB, u.WarehouseGB),
		"the service runs desired_count tasks all month; traffic to the internet, taxes and free tiers are left out",
	}
}
