// Preloaded into one program, makes its calendar clock wrong by the seconds that the file
// TIDEMARK_WRONG_CLOCK holds (eight bytes), now. It asks the kernel itself and looks nothing up
// in other libraries, so that it works beside a sanitizer too, which libfaketime does not.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* wrong_by_s;

__attribute__((constructor)) static void open_file(void) {
  const char* const path = getenv("TIDEMARK_WRONG_CLOCK");
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void* const place = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *wrong_by_s, PROT_READ, MAP_SHARED, file, 0);
  if (place == MAP_FAILED) abort();
  close(file);
  wrong_by_s = place;
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  const long status = syscall(SYS_clock_gettime, clock, time);
  const int is_calendar = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (status == 0 && is_calendar && wrong_by_s) time->tv_sec += *wrong_by_s;
  return (int)status;
}

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  (void)zone;
  struct timespec now;
  const int status = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return status;
}

time_t time(time_t* result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}
