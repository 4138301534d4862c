module numpywren

go 1.26.0

require (
	github.com/klauspost/compress v1.20.4
	github.com/sbinet/npyio v0.6.0
	github.com/stretchr/testify v1.12.1
	go.starlark.net v0.0.0-20260908191801-89a6a09411d5
	golang.org/x/sys v0.49.0
	gonum.org/v1/gonum v0.17.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
