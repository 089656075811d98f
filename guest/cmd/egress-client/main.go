// Command egress-client is a client for measurements of the egress proxy. For each path on its standard input it requests
// the body over HTTPS, discards it, and prints what that took. With -port it does so through a proxy, as a program in a
// machine does: with the agent's own code, but without a machine. Otherwise it connects to the upstream directly. The two
// differ in little but the proxy.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

func main() {
	var options options
	var port string
	flag.StringVar(&options.name, "name", "", "name of the upstream")
	flag.StringVar(&options.upstream, "upstream", "", "address and port to connect to directly")
	flag.StringVar(&options.authorities, "ca", "", "PEM file of the CA that signed the certificate the client gets to see")
	flag.StringVar(&options.authorization, "authorization", "", "header sent with each request")
	flag.StringVar(&port, "port", "", "unix socket that an egress proxy connects to, as to a machine's egress port")
	flag.Parse()
	if err := run(options, port); err != nil {
		fmt.Fprintln(os.Stderr, "egress-client:", err)
		os.Exit(1)
	}
}

func run(options options, port string) error {
	dial := directly(options.upstream)
	if port != "" {
		machine, err := listen(port)
		if err != nil {
			return err
		}
		dial = machine.dial
	}
	client, err := newClient(options, dial)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	answers := json.NewEncoder(os.Stdout)
	for paths := bufio.NewScanner(os.Stdin); paths.Scan(); {
		taken, err := client.fetch(paths.Text())
		if err != nil {
			return err
		}
		if err := answers.Encode(taken); err != nil {
			return err
		}
	}
	return nil
}
