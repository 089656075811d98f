# The beginning of a Perl program. Takes its first argument, descriptors with commas in ascending order, and closes all others but the first
# three: what whoever started the server left open is nothing for a jailed process. close_range came with Linux 5.9.
$end = 3;
for $given (split(",", shift)) {
  syscall(3, $_) for $end .. $given - 1;
  $end = $given + 1;
}
if (syscall(436, $end, 0xffffffff, 0) != 0) { syscall(3, $_) for $end .. 1023 }
