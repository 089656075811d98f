# Gives QEMU open files, so that its jail need not have their paths. Each line of standard input is an order: its number, the socket of a
# monitor, and for each file the number of the set of descriptors that it joins, the flags to open it with, the numbers of its device and
# inode, and its path, all joined by colons; percent-encoded. Each order gets a line of printable ASCII: its number, and why it failed if
# it did. A process of its own executes it, because what QEMU answers may be anything, for any time.
$SIG{CHLD} = "IGNORE";
$| = 1;

# The next line from QEMU that is no event.
sub line {
  while (1) {
    while ($rest =~ s/^(.*)\n//) {
      my $line = $1;
      return $line if $line !~ /^\{"timestamp"|"event":/;
    }
    length $rest < 65536 && sysread($qemu, $rest, 4096, length $rest) or die "QEMU does not answer\n";
  }
}

# Sends a command, with a descriptor or none: sendmsg(2) with SCM_RIGHTS.
sub execute {
  my ($command, $descriptor) = @_;
  my $vector = pack("P Q", $command, length $command);
  my $control = defined $descriptor ? pack("Q i3 x4", 20, 1, 1, $descriptor) : "";
  my $message = pack("Q I x4 P Q P Q I x4", 0, 0, $vector, 1, $control, length $control, 0);
  syscall(46, fileno($qemu), $message, 0) == length $command or die "cannot send to QEMU: $!\n";
  my $answer = line();
  $answer =~ /^\{"return"/ or die "QEMU refused: " . substr($answer, 0, 1000) . "\n";
}

sub pass {
  my ($path, @files) = @_;
  $SIG{ALRM} = sub { die "QEMU does not answer in time\n" };
  alarm 20;
  socket($qemu, 1, 1, 0) && connect($qemu, pack("Sa*", 1, $path)) or die "cannot connect to QEMU: $!\n";
  $rest = "";
  line();
  execute(qq({"execute": "qmp_capabilities"}\n), undef);
  for (@files) {
    my ($set, $flags, $device, $inode, $path) = split(/:/, $_, 5);
    sysopen(my $file, $path, $flags) or die "cannot open a file: $!\n";
    my @is = stat($file);
    $is[0] == $device && $is[1] == $inode or die "another file is in the place of one\n";
    execute(qq({"execute": "add-fd", "arguments": {"fdset-id": $set}}\n), fileno($file));
  }
}

while (<STDIN>) {
  chomp;
  ($order, @words) = split(/ /);
  s/%(..)/chr(hex $1)/ge for @words;
  $child = fork;
  if (!defined $child) { print "$order cannot start a process: $!\n" }
  next if $child || !defined $child;
  # What QEMU said must not look like the answer to another order.
  eval { pass(@words); print "$order\n"; 1 } or $@ =~ tr/ -~/ /c, print "$order $@\n";
  exit;
}
