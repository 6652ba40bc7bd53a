// Upstream modules whose CustomResourceDefinitions tests install. tools/cluster-tools reads their files and compiles
// nothing, so no package imports them: `go mod tidy` would empty this list. Versions belong together: KServe's own
// go.mod names the Gateway API beside it.
module evenkeel/crds

go 1.26.0

require (
	github.com/kedacore/keda/v2 v2.20.2
	github.com/kserve/kserve v0.20.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.5.1
)
