package content

// Recipe is how a program is built, beside the files that it is built from: all that
// decides on its bytes. This file is itself part of each program's content.
type Recipe struct {
	// Package is the program's directory below its module.
	Package string
	// Toolchain is the version of Go that compiles it, as GOTOOLCHAIN names it.
	Toolchain string
	// Environment is what the compiler is told beside the architecture.
	Environment map[string]string
	// Architecture is what it is compiled for: amd64 or arm64.
	Architecture string
	// Tags, Flags and Linker are the arguments of go build.
	Tags   string
	Flags  []string
	Linker string
	// Base is the image that the program is put on, User and Port what the image
	// says of it, and Path where it lies there or in its package.
	Base, User, Path string
	Port             int
}

// Toolchain is the version of Go that compiles what is delivered.
const Toolchain = "go1.26.8"

// Scratch is the base that holds nothing.
const Scratch = "scratch"

// The programs that are delivered.
const (
	apiPackage       = "cmd/api"
	processorPackage = "cmd/processor"
)

// API is how the API is built and what its image holds: the program alone.
func API(architecture string) Recipe {
	r := static(apiPackage, architecture)
	r.Base, r.User, r.Path, r.Port = Scratch, "65532:65532", "/api", 8080
	return r
}

// Processor is how the processor is built, for Lambda's runtime provided.al2023.
func Processor(architecture string) Recipe {
	r := static(processorPackage, architecture)
	r.Path = "bootstrap"
	return r
}

// Tool is how a program of the pipeline itself is built.
func Tool(pkg, architecture string) Recipe { return static(pkg, architecture) }

// static compiles without cgo, so that the program runs in an empty image, and lets
// nothing of the machine or of the toolchain's image enter it.
func static(pkg, architecture string) Recipe {
	return Recipe{
		Package:      pkg,
		Toolchain:    Toolchain,
		Environment:  map[string]string{"CGO_ENABLED": "0", "GOOS": "linux"},
		Architecture: architecture,
		// It leaves the Lambda library's old protocol out, and with it net/rpc, whose
		// templates keep the linker from dropping 10 MB.
		Tags:   "lambda.norpc",
		Flags:  []string{"-trimpath", "-buildvcs=false"},
		Linker: "-s -w",
	}
}
