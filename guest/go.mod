module sandkeep.dev/guest

go 1.23.0

require (
	github.com/dlclark/regexp2 v1.12.0
	golang.org/x/net v0.43.0
	golang.org/x/sys v0.35.0
)

require golang.org/x/text v0.28.0 // indirect
