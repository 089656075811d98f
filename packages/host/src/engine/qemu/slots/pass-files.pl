# Gives QEMU open files, so that its jail need not have their paths: adds each inherited descriptor, from 3 on, to a set of descriptors.
# Arguments: the socket of a monitor, then the number of each descriptor's set. What QEMU answers may be anything, for any time.
alarm 20;
($path, @sets) = @ARGV;
socket($qemu, 1, 1, 0) && connect($qemu, pack("Sa*", 1, $path)) or die "cannot connect to QEMU: $!\n";

# The next line that is no event.
$rest = "";
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

line();
execute(qq({"execute": "qmp_capabilities"}\n), undef);
execute(qq({"execute": "add-fd", "arguments": {"fdset-id": $sets[$_]}}\n), $_ + 3) for 0 .. $#sets;
