package ecr

// Finding is one vulnerability of a scan.
type Finding struct {
	Name        string      `json:"name"`
	Description string      `json:"description"`
	URI         string      `json:"uri"`
	Severity    string      `json:"severity"`
	Attributes  []Attribute `json:"attributes,omitempty"`
}

// Attribute is a name and value of a finding.
type Attribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// ScanFaults gives the findings that a scan of an image shall have.
type ScanFaults interface {
	ScanFindings(repository, digest string, tags []string) []Finding
}
