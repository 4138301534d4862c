/* ScaLAPACK's time for a factorisation, for benchmarks/jobs.py: mpirun -np 2 scalapack JOB N RIGHT_SIDES BLOCK prints seconds and
 * the resident memory of all processes. One thread a process. Random general matrices; positive definite ones for cholesky. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void Cblacs_get(int, int, int *);
void Cblacs_gridinit(int *, const char *, int, int);
void Cblacs_gridinfo(int, int *, int *, int *, int *);
int numroc_(int *, int *, int *, int *, int *);
void descinit_(int *, int *, int *, int *, int *, int *, int *, int *, int *, int *);
void pdgesv_(int *, int *, double *, int *, int *, int *, int *, double *, int *, int *, int *, int *);
void pdpotrf_(const char *, int *, double *, int *, int *, int *, int *);
void pdgeqrf_(int *, int *, double *, int *, int *, int *, double *, double *, int *, int *);
void pdorgqr_(int *, int *, int *, double *, int *, int *, int *, double *, double *, int *, int *);
char *openblas_get_corename(void);
void openblas_set_num_threads(int);

static int zero = 0, one = 1;

/* A block-cyclic matrix of one process. */
typedef struct {
    int desc[9], rows, columns;
    double *data;
} matrix;

static matrix make(int context, int m, int n, int block, double diagonal) {
    matrix x;
    int height, width, row, column, info;
    Cblacs_gridinfo(context, &height, &width, &row, &column);
    x.rows = numroc_(&m, &block, &row, &zero, &height);
    x.columns = numroc_(&n, &block, &column, &zero, &width);
    int lead = x.rows > 1 ? x.rows : 1;
    descinit_(x.desc, &m, &n, &block, &block, &zero, &zero, &context, &lead, &info);
    x.data = malloc(sizeof(double) * lead * (x.columns + 1));
    unsigned long long seed = 88172645463325252ull + 7919ull * (row + 31 * column);
    for (int j = 0; j < x.columns; j++)
        for (int i = 0; i < x.rows; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            double value = (double)(seed >> 11) / (1ull << 53) - 0.5;
            int global_row = (i / block * height + row) * block + i % block, global_column = (j / block * width + column) * block + j % block;
            x.data[i + (size_t)j * lead] = value + (global_row == global_column ? diagonal : 0);
        }
    return x;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    const char *job = argv[1];
    int n = atoi(argv[2]), sides = atoi(argv[3]), block = atoi(argv[4]), processes, rank, context, info;
    MPI_Comm_size(MPI_COMM_WORLD, &processes);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    openblas_set_num_threads(1);
    Cblacs_get(-1, 0, &context);
    Cblacs_gridinit(&context, "Row", 1, processes); /* one row of processes: faster here than one column */
    int cholesky = !strcmp(job, "cholesky"), qr = !strncmp(job, "qr", 2);
    matrix A = make(context, n, n, block, cholesky ? n : 0), B = make(context, n, sides, block, 0);
    int *pivots = malloc(sizeof(int) * (A.rows + block + 1));
    double *tau = malloc(sizeof(double) * (A.columns + block + 1)), need[2], *work = NULL;
    int query = -1, size = 0;
    if (qr) {
        pdgeqrf_(&n, &n, A.data, &one, &one, A.desc, tau, need, &query, &info);
        pdorgqr_(&n, &n, &n, A.data, &one, &one, A.desc, tau, need + 1, &query, &info);
        size = (int)(need[0] > need[1] ? need[0] : need[1]);
        work = malloc(sizeof(double) * size);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    double started = MPI_Wtime();
    if (cholesky)
        pdpotrf_("L", &n, A.data, &one, &one, A.desc, &info);
    else if (!strcmp(job, "solve"))
        pdgesv_(&n, &sides, A.data, &one, &one, A.desc, pivots, B.data, &one, &one, B.desc, &info);
    else {
        pdgeqrf_(&n, &n, A.data, &one, &one, A.desc, tau, work, &size, &info);
        if (!strcmp(job, "qr"))
            pdorgqr_(&n, &n, &n, A.data, &one, &one, A.desc, tau, work, &size, &info);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    double seconds = MPI_Wtime() - started;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    long peak = usage.ru_maxrss, all;
    MPI_Reduce(&peak, &all, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("{\"seconds\": %.4f, \"peak_bytes\": %ld, \"info\": %d, \"kernels\": \"%s\"}\n", seconds, all * 1024, info, openblas_get_corename());
    MPI_Finalize();
    return info;
}
