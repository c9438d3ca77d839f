// Package ticks is what the Go peers have in common: ticks as lines over TCP, and a first line of output that says where
// clients and the feeder find the server.
package ticks

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
)

const lineBytesMax = 64 * 1024

// Serve listens for clients and for the feeder, says where, and hands out each tick: its symbol, and its line, which
// may be kept. It ends the process when the feeder is gone.
func Serve(handler http.Handler, each func(symbol string, line []byte)) {
	clients, feed := listen(), listen()
	fmt.Printf("listening on http://%s, ticks on %s\n", clients.Addr(), feed.Addr())
	go func() { log.Fatal(http.Serve(clients, handler)) }()
	feeder, err := feed.Accept()
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(feeder)
	lines.Buffer(make([]byte, lineBytesMax), lineBytesMax)
	for lines.Scan() {
		line := slices.Clone(lines.Bytes())
		each(symbol(line), line)
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	os.Exit(0)
}

// Version says which version of a library is built in.
func Version(path string) {
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == path {
				fmt.Printf("%s, %s\n", module.Version, build.GoVersion)
			}
		}
	}
}

// {"symbol":"S0000",...: the name begins at 11, and nothing else has to be read.
func symbol(line []byte) string {
	const begin = len(`{"symbol":"`)
	if len(line) < begin {
		return ""
	}
	end := slices.Index(line[begin:], '"')
	return string(line[begin : begin+max(end, 0)])
}

func listen() net.Listener {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}
