// SPDX-License-Identifier: Apache-2.0
// An OpenCL program for the demo: takes memory, runs random kernels, and reports on stdout, one
// JSON object per line with `t` in seconds of CLOCK_MONOTONIC. It knows nothing of Melon.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"
#include "draw.h"
#include "host.h"

enum { kJobs = 6, kDataWords = 1 << 20 };

struct options {
  unsigned long long seed;
  double seconds;            // of kernels; 0: none
  unsigned arrivals;         // short kernels with rests between them
  unsigned long memory_mib;  // to take and fill first
  int retry;                 // refused: try again every millisecond instead of giving up
  int host_thread;           // beside the kernels, one thread that computes on the host
  int hold;                  // after everything: keep the memory and sleep
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// CPU time of this whole process, all threads, as the kernel counts it.
static double cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void usage(void) {
  fputs(
      "Usage: melon-demo-load [--seed N] [--memory-mib N] [--retry] [--arrivals N] [--seconds S] "
      "[--host-thread] [--hold]\n"
      "  --seed N        which random kernels and sizes (default 1)\n"
      "  --memory-mib N  take and fill this much device memory first\n"
      "  --retry         while it is refused, ask again every millisecond\n"
      "  --arrivals N    so often rest and then run one short kernel, and say how long that took\n"
      "  --seconds S     run kernels for so long (default 0)\n"
      "  --host-thread   beside them, compute on the host without a pause\n"
      "  --hold          then keep the memory until killed\n",
      stderr);
  exit(2);
}

static double number(const char* text) {
  char* end;
  errno = 0;
  const double value = strtod(text, &end);
  if (errno != 0 || end == text || *end != 0 || value < 0) usage();
  return value;
}

static struct options parse(int argc, char** argv) {
  struct options options = {.seed = 1};
  for (int i = 1; i < argc; i++) {
    const char* value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--retry") == 0) {
      options.retry = 1;
    } else if (strcmp(argv[i], "--host-thread") == 0) {
      options.host_thread = 1;
    } else if (strcmp(argv[i], "--hold") == 0) {
      options.hold = 1;
    } else if (value && strcmp(argv[i], "--seed") == 0) {
      options.seed = (unsigned long long)number(argv[++i]);
    } else if (value && strcmp(argv[i], "--memory-mib") == 0) {
      options.memory_mib = (unsigned long)number(argv[++i]);
    } else if (value && strcmp(argv[i], "--arrivals") == 0) {
      options.arrivals = (unsigned)number(argv[++i]);
    } else if (value && strcmp(argv[i], "--seconds") == 0) {
      options.seconds = number(argv[++i]);
    } else {
      usage();
    }
  }
  return options;
}

static void report_device(const struct device* device) {
  printf("{\"t\":%.6f,\"event\":\"device\",\"name\":\"%s\",\"units\":%u,\"memory_mib\":%zu}\n",
         now(), device->name, device->units, device->memory_bytes >> 20);
}

// Takes the memory, or says why not and ends the program.
static void take_memory(const struct device* device, const struct options* options) {
  static struct taken taken;
  const struct timespec pause = {0, 1000000};
  const size_t bytes = (size_t)options->memory_mib << 20;
  unsigned long refusals = 0;
  cl_int status;
  while ((status = take(device, bytes, &taken)) != CL_SUCCESS) {
    if (refusals++ == 0) {
      printf("{\"t\":%.6f,\"event\":\"refused\",\"mib\":%lu,\"error\":\"%s\"}\n", now(),
             options->memory_mib, error_name(status));
      fflush(stdout);
    }
    if (!options->retry) {
      fprintf(stderr, "melon-demo-load: clCreateBuffer, %lu MiB in all: %s (%d)\n",
              options->memory_mib, error_name(status), status);
      exit(1);
    }
    nanosleep(&pause, NULL);
  }
  printf("{\"t\":%.6f,\"event\":\"given\",\"mib\":%lu,\"refusals\":%lu}\n", now(),
         options->memory_mib, refusals);
  fflush(stdout);
  fill(device, &taken);
  printf("{\"t\":%.6f,\"event\":\"filled\",\"mib\":%lu}\n", now(), options->memory_mib);
  fflush(stdout);
}

struct kernels {
  cl_kernel of_family[kFamilies];
  cl_mem data;
};

static struct kernels build(const struct device* device) {
  struct kernels kernels;
  cl_int status;
  const char* source = kKernelSource;
  const cl_program program = clCreateProgramWithSource(device->context, 1, &source, NULL, &status);
  check(status, "clCreateProgramWithSource");
  check(clBuildProgram(program, 1, &device->id, "", NULL, NULL), "clBuildProgram");
  kernels.data = clCreateBuffer(device->context, CL_MEM_READ_WRITE, kDataWords * sizeof(cl_uint),
                                NULL, &status);
  check(status, "clCreateBuffer");
  const cl_uint mask = kDataWords - 1;
  for (unsigned i = 0; i < kFamilies; i++) {
    kernels.of_family[i] = clCreateKernel(program, kKernelNames[i], &status);
    check(status, "clCreateKernel");
    clSetKernelArg(kernels.of_family[i], 0, sizeof kernels.data, &kernels.data);
    clSetKernelArg(kernels.of_family[i], 1, sizeof mask, &mask);
  }
  return kernels;
}

static cl_event launch(const struct device* device, const struct kernels* kernels,
                       const struct job* job) {
  const cl_kernel kernel = kernels->of_family[job->family];
  const cl_uint rounds = job->rounds;
  cl_event event;
  clSetKernelArg(kernel, 2, sizeof rounds, &rounds);
  check(clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &job->global_items,
                               &job->local_items, 0, NULL, &event),
        "clEnqueueNDRangeKernel");
  return event;
}

static void await(cl_event event) {
  check(clWaitForEvents(1, &event), "clWaitForEvents");
  clReleaseEvent(event);
}

// One pass over the jobs; a few launches stay queued, so that the device never waits for us.
// `pending` holds the events of the previous pass.
static void pass(const struct device* device, const struct kernels* kernels, const struct job* jobs,
                 cl_event* pending) {
  for (unsigned i = 0; i < kJobs; i++) {
    if (pending[i]) await(pending[i]);
    pending[i] = launch(device, kernels, &jobs[i]);
    clFlush(device->queue);
  }
}

// From the call to the end of one launch that nothing of this program precedes.
static double milliseconds_of(const struct device* device, const struct kernels* kernels,
                              const struct job* job) {
  const double called = now();
  const cl_event event = launch(device, kernels, job);
  clFlush(device->queue);
  await(event);
  return 1e3 * (now() - called);
}

// The longest of the jobs, one by one. Held launches count as they are, with the time held.
static double longest_of(const struct device* device, const struct kernels* kernels,
                         const struct job* jobs) {
  double longest = 0;
  for (unsigned i = 0; i < kJobs; i++) {
    const double took = milliseconds_of(device, kernels, &jobs[i]);
    if (took > longest) longest = took;
  }
  return longest;
}

// Comes anew again and again: long enough idle that others have the device to themselves, then one
// kernel of some microseconds.
static void run_arrivals(const struct device* device, unsigned arrivals) {
  const struct timespec rest = {0, 300000000};
  const struct kernels kernels = build(device);
  const struct job job = {.rounds = 100, .local_items = 8, .global_items = 8 * device->units};
  milliseconds_of(device, &kernels, &job);  // compiles it
  for (unsigned i = 0; i < arrivals; i++) {
    nanosleep(&rest, NULL);
    const double took = milliseconds_of(device, &kernels, &job);
    printf("{\"t\":%.6f,\"event\":\"arrival\",\"ms\":%.6f}\n", now(), took);
    fflush(stdout);
  }
  printf("{\"t\":%.6f,\"event\":\"arrived\"}\n", now());
  fflush(stdout);
}

static void describe(const struct job* jobs) {
  printf("{\"t\":%.6f,\"event\":\"jobs\",\"jobs\":\"", now());
  for (unsigned i = 0; i < kJobs; i++) {
    printf("%s%s %ux%zu", i == 0 ? "" : ", ", kKernelNames[jobs[i].family], jobs[i].rounds,
           jobs[i].global_items);
  }
  puts("\"}");
  fflush(stdout);
}

// Runs random jobs back to back and reports the passes over them twice a second.
static void run_kernels(const struct device* device, const struct options* options) {
  struct dice dice = dice_from_seed(options->seed);
  struct job jobs[kJobs];
  for (unsigned i = 0; i < kJobs; i++) jobs[i] = draw_job(&dice, device->units);
  describe(jobs);

  const struct kernels kernels = build(device);
  cl_event pending[kJobs] = {0};
  pass(device, &kernels, jobs, pending);  // compiles them
  check(clFinish(device->queue), "clFinish");
  const double longest = longest_of(device, &kernels, jobs);
  if (options->host_thread) host_thread_start();
  const double start = now();
  const double start_cpu = cpu();
  printf("{\"t\":%.6f,\"event\":\"running\",\"longest_kernel_ms\":%.6f}\n", start, longest);
  fflush(stdout);

  double reported = start;
  unsigned long long passes = 0;
  while (now() < start + options->seconds) {
    pass(device, &kernels, jobs, pending);
    passes++;
    if (now() - reported >= 0.5) {
      reported = now();
      printf("{\"t\":%.6f,\"event\":\"work\",\"passes\":%llu}\n", reported, passes);
      fflush(stdout);
    }
  }
  check(clFinish(device->queue), "clFinish");
  printf("{\"t\":%.6f,\"event\":\"done\",\"passes\":%llu,\"host_rounds\":%llu,", now(), passes,
         host_thread_rounds());
  printf("\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n", now() - start, cpu() - start_cpu);
  fflush(stdout);
}

int main(int argc, char** argv) {
  const struct options options = parse(argc, argv);
  const struct device device = device_open();
  report_device(&device);
  if (options.memory_mib > 0) take_memory(&device, &options);
  if (options.arrivals > 0) run_arrivals(&device, options.arrivals);
  if (options.seconds > 0) run_kernels(&device, &options);
  if (options.hold) {
    const struct timespec day = {86400, 0};
    while (1) nanosleep(&day, NULL);
  }
  return 0;
}
