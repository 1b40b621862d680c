// The runtime's linker as AArch64 has it, compiled for whatever processor the tests run on.
#define _GNU_SOURCE
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#undef __x86_64__
#undef __aarch64__
#define __aarch64__ 1
#include "link.c"
