// Where code touched memory that is not its own: told through a pipe by a process that ends with it.
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <ucontext.h>
#endif

enum { READ, WRITTEN, TOUCHED, NO_ADDRESS };  // the last one: the processor does not say where

typedef struct {
  int32_t signal, access;
  uint64_t address;
} fault;

static int told_to = -1;
static atomic_flag told = ATOMIC_FLAG_INIT;

static int32_t access_of(const void *context) {
#if defined(__linux__) && defined(__x86_64__)
  const greg_t *registers = ((const ucontext_t *)context)->uc_mcontext.gregs;
  if (registers[REG_TRAPNO] != 14) return NO_ADDRESS;  // a general protection fault: an address that cannot exist
  return registers[REG_ERR] & 2 ? WRITTEN : READ;
#elif defined(__linux__) && defined(__aarch64__)
  const unsigned char *record = ((const ucontext_t *)context)->uc_mcontext.__reserved;
  for (;;) {  // the kernel's list of records; the syndrome says whether a data abort was a write
    uint32_t magic, size;
    uint64_t syndrome;
    memcpy(&magic, record, sizeof magic), memcpy(&size, record + 4, sizeof size);
    if (!magic || !size) return TOUCHED;
    memcpy(&syndrome, record + 8, sizeof syndrome);
    if (magic == 0x45535201) return syndrome & (1 << 6) ? WRITTEN : READ;
    record += size;
  }
#else
  (void)context;
  return TOUCHED;
#endif
}

// The first thread tells and ends the process; another one that faults at the same time must not end it before.
static void tell(int number, siginfo_t *info, void *context) {
  while (atomic_flag_test_and_set(&told)) pause();
  fault found = {number, access_of(context), (uint64_t)(uintptr_t)info->si_addr};
  ssize_t written = write(told_to, &found, sizeof found);
  _exit(written == sizeof found ? EXIT_FAILURE : 128 + number);
}

int rung_watch_faults(int fd) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = tell;
  sigfillset(&action.sa_mask);
  told_to = fd;
  return sigaction(SIGSEGV, &action, NULL) || sigaction(SIGBUS, &action, NULL) ? errno : 0;
}
