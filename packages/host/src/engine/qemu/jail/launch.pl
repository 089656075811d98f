# The first program in the chain that starts a machine, still with the server's rights. Perl is part of every Debian. All descriptors but
# those that the machine is given are closed already. Arguments: `descriptor=path` for each socket to listen on, `--`, and the command
# that inherits them.

# Memory is not to be rounded up to huge pages: QEMU asks for them for translated code, of which a machine that does little has
# little. The setting outlives exec: prctl(PR_SET_THP_DISABLE).
syscall(157, 41, 1, 0, 0, 0);

# The machine gets sockets that listen already: it never has to be let into the folder where their names are.
while (($_ = shift) ne "--") {
  ($descriptor, $path) = /^(\d+)=(.*)$/s;
  socket($socket, 1, 1, 0) && bind($socket, pack("Sa*", 1, $path)) && listen($socket, 1) or die "cannot listen on $path: $!\n";
  # dup2, and fcntl in case it was there already: this descriptor is left open across exec, and no other that Perl opened.
  syscall(33, fileno($socket), $descriptor + 0) == $descriptor && syscall(72, $descriptor + 0, 2, 0) == 0 or die "cannot move the socket $path: $!\n";
  push @open, $socket;
  undef $socket;
}
exec { $ARGV[0] } @ARGV or die "cannot execute $ARGV[0]: $!\n";
