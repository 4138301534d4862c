#ifndef NPW_HOUSE_H
#define NPW_HOUSE_H

// Of a vector whose squares below the first add up to no more there is no reflection: that is nothing beside a matrix that is scaled. In
// Go it is called negligible.
#define NPW_NEGLIGIBLE 1e-280

#endif
