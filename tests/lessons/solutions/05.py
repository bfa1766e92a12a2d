# %% 05-1 mask by mask
def tilt(drawn):
    width = drawn.shape[2]
    sides = np.where(np.arange(width) < width / 2, -1.0, 1.0) / (drawn.shape[1] * width / 2)
    differences = [float((mask * sides).sum()) for mask in drawn]
    return np.mean(differences) / (np.std(differences, ddof=1) / np.sqrt(len(differences)))
