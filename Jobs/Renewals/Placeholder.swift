// Renewals
