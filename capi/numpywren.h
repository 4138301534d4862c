/*
 * numpywren.h: the C ABI of numpywren, written by hand. It is the contract: the Go side includes it, so that a
 * definition that differs does not compile, and a test holds the library's exported symbols against it.
 *
 * Threads     Every function may be called from any thread, the same handle from several at once.
 * Handles     npw_handle is an index into a checked table with its kind and generation. 0 is never valid. A handle that
 *             was freed, or is of another kind, is NPW_VALUE, never a crash.
 * Status      Every function that can fail returns an npw_status and, when `error` is not NULL, fills it. error->message
 *             is NULL on success; else it is UTF-8 text that the caller frees with npw_free.
 * Memory      Strings and arrays given to a function are read before it returns, except for the data of an npw_buffer,
 *             which belongs to the job until npw_job_free returns. Strings that come back (char **) are freed with npw_free.
 * Long work   Functions that give a job start it and return. Poll it with npw_job_wait and free it with npw_job_free,
 *             which cancels what still runs and waits until nothing touches the caller's buffers.
 * Fork        A forked child has none of its parent's threads. There every function returns NPW_CLOSED without entering
 *             Go (spawn and forkserver work).
 * Since       Everything here is since ABI 1.
 */
#ifndef NUMPYWREN_H
#define NUMPYWREN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NPW_ABI_VERSION 1

#if defined(__GNUC__)
#define NPW_API __attribute__((visibility("default")))
#else
#define NPW_API
#endif

/* The class of a failure; in brackets what Python raises. */
typedef enum npw_status {
  NPW_OK = 0,
  NPW_VALUE = 1,        /* a bad shape, a corrupt file, a program that does not check [ValueError] */
  NPW_TYPE = 2,         /* a dtype or an argument of the wrong type [TypeError] */
  NPW_INDEX = 3,        /* an axis or a position that is not there [IndexError, AxisError] */
  NPW_KEY = 4,          /* no matrix of that name [KeyError] */
  NPW_LINALG = 5,       /* not positive definite, singular [numpy.linalg.LinAlgError] */
  NPW_MEMORY = 6,       /* does not fit in the memory limit [MemoryError] */
  NPW_OS = 7,           /* a full disk, a read-only path [OSError, with os_errno] */
  NPW_NOT_FOUND = 8,    /* no such file [FileNotFoundError] */
  NPW_EXISTS = 9,       /* the name is taken [FileExistsError] */
  NPW_CLOSED = 10,      /* use after close, or in a forked child [RuntimeError] */
  NPW_CANCELLED = 11,   /* the job was cancelled */
  NPW_UNSUPPORTED = 12, /* not done by this version [NotImplementedError] */
  NPW_INTERNAL = 13     /* a bug of numpywren [RuntimeError] */
} npw_status;

typedef uint64_t npw_handle;

typedef struct npw_error {
  int32_t os_errno; /* errno behind NPW_OS, NPW_NOT_FOUND and NPW_EXISTS where there is one, else 0 */
  char *message;    /* freed by the caller with npw_free; NULL on success */
} npw_error;

/* An array in the caller's memory. */
typedef struct npw_buffer {
  void *data;
  const char *dtype;      /* NumPy's name: "float64", "float32", "int64", "bool", … */
  int32_t ndim;           /* 0 to 32 */
  const int64_t *shape;   /* ndim of them; may be NULL when ndim is 0 */
  const int64_t *strides; /* as many, in bytes; may be negative or 0 */
} npw_buffer;

/* ---- The library ------------------------------------------------------------------------------------------------ */

/* NPW_ABI_VERSION of the library. Never fails. */
NPW_API int32_t npw_abi_version(void);
/* The library's version as a static string, not to be freed. Never fails. */
NPW_API const char *npw_version(void);
/* Frees what this library gave. NULL is allowed. */
NPW_API void npw_free(void *memory);

/* ---- Executors -------------------------------------------------------------------------------------------------- */

/* Opens an executor. config is a JSON object {"workers", "memory_limit", "path", "scratch", "retain",
 * "pipeline_width"}: all optional, null or absent means the default, other keys are NPW_VALUE. Here AWS's variables (AWS_*)
 * are read from the environment as it is now. */
NPW_API npw_status npw_open(const char *config, npw_handle *executor, npw_error *error);
/* Cancels the executor's jobs, waits for them, removes its scratch files and frees the handle. Its arrays and jobs
 * remain handles to be freed; using them otherwise is NPW_CLOSED. */
NPW_API npw_status npw_close(npw_handle executor, npw_error *error);
/* The configuration in force and the memory in use, as a JSON object. */
NPW_API npw_status npw_describe(npw_handle executor, char **json, npw_error *error);

/* ---- Arrays: lazy expressions ----------------------------------------------------------------------------------- */

/* Applies the operation op. operands is a JSON list of {"h": handle}, {"f": number or "nan", "inf", "-inf"},
 * {"i": integer} or {"b": true/false}; params a JSON object (NULL: none), in which {"f": …} stands for a float too.
 * Writes the results' handles to arrays[0..*n). If there are more than capacity, none is given, *n is their
 * number, and the status is NPW_VALUE. Nothing is computed. */
NPW_API npw_status npw_apply(npw_handle executor, const char *op, const char *operands, const char *params,
                             npw_handle *arrays, int32_t capacity, int32_t *n, npw_error *error);
/* What is known of an array: a JSON object {"shape", "dtype", "block_shape", "blocks", "ntiles", "nbytes", "name",
 * "display", "computed", "where"}. */
NPW_API npw_status npw_info(npw_handle array, char **json, npw_error *error);
/* The program that computes the arrays: its text, the fused tasks, counts, flops, bytes, and at most max_blocks
 * instruction blocks (0: a default). */
NPW_API npw_status npw_explain(npw_handle executor, const npw_handle *arrays, int32_t n, int32_t max_blocks, char **text,
                               npw_error *error);
NPW_API npw_status npw_array_free(npw_handle array, npw_error *error);

/* ---- Matrices that have a name ---------------------------------------------------------------------------------- */

NPW_API npw_status npw_open_matrix(npw_handle executor, const char *name, npw_handle *array, npw_error *error);
/* A JSON list of what npw_info says of each. */
NPW_API npw_status npw_list(npw_handle executor, char **json, npw_error *error);
NPW_API npw_status npw_delete(npw_handle executor, const char *name, npw_error *error);

/* ---- Programs --------------------------------------------------------------------------------------------------- */

/* Parses and checks LAmbdaPACK text. Gives a JSON object {"programs": [{"name", "doc", "params": [{"name", "default"?}],
 * "outputs"}]}; errors begin with "filename:line:column". */
NPW_API npw_status npw_check_program(const char *filename, const char *source, char **json, npw_error *error);

/* ---- Jobs ------------------------------------------------------------------------------------------------------- */

/* Sources: the job's result is an array. name may be NULL (no name); block_shape NULL means the default, else it has as
 * many entries as the array has dimensions (nblock). */
NPW_API npw_status npw_from_buffer(npw_handle executor, const npw_buffer *buffer, const char *name,
                                   const int64_t *block_shape, int32_t nblock, npw_handle *job, npw_error *error);
/* format is "npy" (a file, streamed) or "zarr" (a Zarr v3 array's folder); path may be a URL, s3://bucket/key. */
NPW_API npw_status npw_from_file(npw_handle executor, const char *format, const char *path, const char *name,
                                 const int64_t *block_shape, int32_t nblock, npw_handle *job, npw_error *error);
/* Computes the arrays as one program and keeps them; names has n entries, of which any may be NULL, or is NULL. */
NPW_API npw_status npw_submit(npw_handle executor, const npw_handle *arrays, const char *const *names, int32_t n,
                              npw_handle *job, npw_error *error);
/* Computes the arrays as one program and copies them into the buffers, which have their shapes and dtypes. */
NPW_API npw_status npw_read_into(npw_handle executor, const npw_handle *arrays, const npw_buffer *buffers, int32_t n,
                                 npw_handle *job, npw_error *error);
/* Computes the array and writes it to a .npy file, which appears whole or not at all; path may be a URL, s3://bucket/key. */
NPW_API npw_status npw_save(npw_handle executor, npw_handle array, const char *path, npw_handle *job, npw_error *error);

/* Waits until the job is done, at most timeout_ms (0 to 60000). *done says whether it is; if so the status is the job's
 * own, on every call. */
NPW_API npw_status npw_job_wait(npw_handle job, int32_t timeout_ms, int32_t *done, npw_error *error);
/* The array that a finished source job made: once, later calls are NPW_VALUE. */
NPW_API npw_status npw_job_result(npw_handle job, npw_handle *array, npw_error *error);
/* Asks the job to stop; npw_job_wait then ends with NPW_CANCELLED within a fraction of a second. */
NPW_API npw_status npw_job_cancel(npw_handle job, npw_error *error);
/* A JSON object {"done", "total", "unit", "seconds", "flops", "kernel_seconds", "bytes_read", "bytes_written"}. */
NPW_API npw_status npw_job_progress(npw_handle job, char **json, npw_error *error);
NPW_API npw_status npw_job_free(npw_handle job, npw_error *error);

#ifdef __cplusplus
}
#endif
#endif /* NUMPYWREN_H */
