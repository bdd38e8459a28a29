/* What the library says of its methods and their options. */
#ifndef ADFEAT_FIT_LIST_H
#define ADFEAT_FIT_LIST_H

/* 'adfeat fit --list'. */
int fit_list_print(void);
/* 'adfeat fit METHOD --help'; 0 where there is no such method, else *out_code is the exit code. */
int fit_list_options(const char *method, int *out_code);

#endif /* ADFEAT_FIT_LIST_H */
