# %% 06-1 block by block
def parameters(base):
    def double(inputs, middle, outputs):
        return 9 * inputs * middle + middle + 9 * middle * outputs + outputs

    b = base
    blocks = [(4, b, b), (b, 2 * b, 2 * b), (2 * b, 4 * b, 4 * b), (4 * b, 4 * b, 4 * b)]
    blocks += [(8 * b, 4 * b, 4 * b), (6 * b, 2 * b, 2 * b), (3 * b, b, 3)]
    query, value = 4 * b * (b // 2) + b // 2, 16 * b * b + 4 * b
    return sum(double(*block) for block in blocks) + 2 * query + value + 1
